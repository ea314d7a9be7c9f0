"""Alerts: what people must know, told once."""
