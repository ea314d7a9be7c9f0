"""What is run from a terminal: one verb per file, and the local stack in `local`."""
