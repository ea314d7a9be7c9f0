"""A stand-in for an Event Grid topic: publishing, delivery, retries and dead letters."""
