"""Who asks, and what they are given to ask again."""
