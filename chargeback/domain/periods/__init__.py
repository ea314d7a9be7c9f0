"""The life of a billing period, and which usage keeps it from closing."""
