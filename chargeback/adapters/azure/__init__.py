"""Azure's stores and services: Blob storage, Cosmos DB, Key Vault, Log Analytics, Entra, the price list."""
