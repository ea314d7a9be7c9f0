"""Every port in memory, with the behaviour of the real stores, for tests."""
