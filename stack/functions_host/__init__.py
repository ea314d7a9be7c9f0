"""A stand-in for the Azure Functions host, which runs function_app.py as written."""
