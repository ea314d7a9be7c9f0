"""What comes from others, checked without a network: pinned with hashes, under a licence that we may use, no secret."""
