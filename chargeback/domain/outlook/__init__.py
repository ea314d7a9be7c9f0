"""Forecasts and anomalies: what a month will probably cost, and which spend in it is unusual."""
