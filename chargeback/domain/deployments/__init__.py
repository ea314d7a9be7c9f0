"""What runs where: deployments, models and Azure regions."""
