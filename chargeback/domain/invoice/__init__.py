"""The provider's invoice, compared with the books."""
