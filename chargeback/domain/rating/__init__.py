"""Rating: quantity times price, with the catalogue in force in an hour, gives a usage record."""
