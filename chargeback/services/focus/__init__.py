"""Writes a period in FOCUS, for FinOps tools and hubs, and checks it before it is published."""
