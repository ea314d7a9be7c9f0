"""The channels that carry alerts to people and to other systems."""
