"""How each port is kept on a vendor's store or service."""
