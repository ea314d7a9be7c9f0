"""How a call without known tokens gets its counts from the gateway's own log."""
