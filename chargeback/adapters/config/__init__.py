"""Reads the YAML files of config/, and names each fault with its file and line."""
