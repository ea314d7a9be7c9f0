"""Chargeback for Azure OpenAI behind API Management."""

__version__ = "0.1.0"
"""Also in pyproject.toml; here for the app, which is deployed without being installed."""
