"""What usage, prices, cost centres, periods and reports are; pure, without I/O."""
