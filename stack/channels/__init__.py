"""Stand-ins for the services that carry alerts: each answers as the real one does, and keeps what people would see."""
