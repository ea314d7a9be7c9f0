"""The use cases, with every port in memory."""
