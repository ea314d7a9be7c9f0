"""Runs the command line: `python -m chargeback`."""

from chargeback.cli import main

main()
