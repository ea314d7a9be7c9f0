"""The routes of billing periods: their state, their files, and what is done to them."""
