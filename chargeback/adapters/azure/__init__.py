"""The ports on Azure: Blob storage, Cosmos DB, Key Vault, Log Analytics, Entra and the public price list."""
