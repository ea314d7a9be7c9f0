"""Recorded traces of calls as usage events, so that a month of realistic traffic can be pushed through."""
