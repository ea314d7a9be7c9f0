"""The record of who changed what, and of who read the data of others."""
