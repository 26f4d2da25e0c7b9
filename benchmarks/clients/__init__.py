"""The clients that are compared, each told how to do the same work with the same words."""
