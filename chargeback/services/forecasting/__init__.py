"""Where the month is going, and what stands out in it."""
