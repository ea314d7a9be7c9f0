"""Commands to run from a terminal: one verb per file, with their Python code in packages."""
