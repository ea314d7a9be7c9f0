"""The use cases of the product: one per module, in packages by purpose."""
