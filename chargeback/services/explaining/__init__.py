"""Why an amount is what it is, down to the events."""
