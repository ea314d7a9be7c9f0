"""Deploys with Azure's own command line instead of azd, and asks Azure what pipelines need to know."""
