"""Measurements that the documentation quotes, each runnable again."""
