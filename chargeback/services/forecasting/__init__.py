"""Forecasts the cost of a month and finds anomalies in it."""
