"""Simulated Azure OpenAI accounts: they answer as the service does, fail on demand, and keep a ledger."""
