"""Quantity times price: the catalogue in force in an hour, and the usage record that it makes."""
