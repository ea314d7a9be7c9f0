"""What each policy element does, one module per family."""
