"""The evidence of closed periods: written as a period closes, and what recomputes the period from it alone."""
