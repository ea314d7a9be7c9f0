"""What is asked of the costs, and what is answered: every figure equals the published files."""
