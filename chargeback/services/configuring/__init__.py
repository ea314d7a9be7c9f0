"""How a configuration is put in force, and what it changes in open periods."""
