"""What the published files contain: rows, statements, FOCUS columns, the manifest."""
