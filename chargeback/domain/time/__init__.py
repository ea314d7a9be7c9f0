"""Time: UTC days, dates of the books, billing months, and how long something is in force."""
