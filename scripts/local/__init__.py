"""The local stack: what Azure does in production, on one machine."""
