"""How a call without known tokens gets its quantities: from the gateway's log, or by an estimate."""
