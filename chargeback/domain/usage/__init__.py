"""What one call used: its meters, its tier, its tools, and the line that it is counted under."""
