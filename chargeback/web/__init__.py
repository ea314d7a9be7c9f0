"""The pages: what the API answers, for people with a browser. Every figure on them is an answer of the API."""
