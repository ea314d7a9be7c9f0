"""What a usage event says, which events are accepted, and what several events say of one call."""
