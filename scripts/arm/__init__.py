"""What those need who deploy with Azure's own command line instead of azd, and what pipelines ask Azure."""
