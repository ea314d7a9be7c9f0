"""What the services need from the outside, as protocols; the adapters implement them."""
