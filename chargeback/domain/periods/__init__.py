"""The life of a billing period, and what keeps it open."""
