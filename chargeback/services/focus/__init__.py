"""A period in FOCUS, for FinOps tools and hubs, checked before it is published."""
