"""Fuzzing: whatever bytes a service sends, nothing but an `InferenceError` comes of them. `make fuzz` runs it."""
