"""What the product does: one use case per module, in packages by purpose."""
