"""How long work runs: each part by itself, in its own folders and processes; parts that fail are set aside."""
