"""The provider's public price list, compared with the rate card."""
