"""The rules of chargeback: usage, prices, cost centres, periods and reports. Pure functions and values, without I/O."""
