"""The billing periods: their state on record, and the order in which they close."""
