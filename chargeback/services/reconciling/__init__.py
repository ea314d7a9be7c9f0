"""A period against the provider's invoice, and what makes them equal."""
