"""Stand-ins for Entra, managed identity, Key Vault and role assignments."""
