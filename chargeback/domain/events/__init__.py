"""Usage events: what one may say, which are accepted, and how several events of one call are combined."""
