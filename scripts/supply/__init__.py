"""Checks without a network that dependencies are pinned by hash and licensed, and that no secret is committed."""
