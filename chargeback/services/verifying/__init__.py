"""Verifies a closed period from its evidence alone: every byte as it was closed, every amount computed again."""
