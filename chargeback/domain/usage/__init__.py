"""What one call used: meters, the line it is counted under, tiers, tools and speech."""
