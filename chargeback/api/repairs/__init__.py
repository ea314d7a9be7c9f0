"""The routes for those who keep the product running: what could not be handled, and trying it again."""
