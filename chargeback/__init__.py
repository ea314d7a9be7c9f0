"""Chargeback for Azure OpenAI behind API Management."""
