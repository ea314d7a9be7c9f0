"""How each port is implemented on a vendor's store or service, and how configuration is read."""
