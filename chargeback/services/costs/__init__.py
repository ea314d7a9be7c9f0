"""Answers questions about costs from views of the months, and keeps these up to the books."""
