"""What a month will probably cost, and what is unusual in it."""
