"""Long work that somebody asked for, done by a timer and told while it goes on."""
