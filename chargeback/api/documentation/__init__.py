"""GET /api/v1/openapi.json and /api/v1/docs: what the API can be asked, for programs and for people.

Both are the same for every deployment and say nothing about this one, so no token is needed.
"""
