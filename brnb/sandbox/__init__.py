"""Programs that nobody has read, executed against tests: shut in, or not at all."""
