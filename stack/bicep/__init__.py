"""Reads the Bicep of infra/ without its compiler: statements, and what configuration alone decides."""
