"""Who pays: the tree of cost centres, and the allocation rules."""
