"""Stores over the real ones for rehearsals: what is written stays here, and the real ones are only read."""
