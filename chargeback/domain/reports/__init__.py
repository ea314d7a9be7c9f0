"""The contents of the published files: rows, statements, FOCUS columns, the manifest."""
