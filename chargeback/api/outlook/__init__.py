"""The routes of what is to come, of what stands out, and of why: forecasts, anomalies, alerts and explanations."""
