"""What tests share: builders, products in memory, readers of what was written."""
