"""Turns recorded traces of calls into usage events, so that the product can be tried with realistic traffic."""
