"""A period as a workbook."""
