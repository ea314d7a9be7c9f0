"""What usage costs: prices, agreements about them, and checks of them."""
