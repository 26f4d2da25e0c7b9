"""What a call costs the process that makes it."""
