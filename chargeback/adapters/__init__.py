"""Implements each port on a vendor's store or service, and reads the configuration."""
