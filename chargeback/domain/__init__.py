"""What a call, its meters and its cost are; pure."""
