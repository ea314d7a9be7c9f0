"""The Azure Functions triggers, as blueprints."""
