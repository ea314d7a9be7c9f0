"""What only Azure can show, asked of a live deployment: each point is a function that says what it saw."""
