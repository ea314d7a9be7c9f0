"""The ports: protocols for everything that the services need from outside; the adapters implement them."""
