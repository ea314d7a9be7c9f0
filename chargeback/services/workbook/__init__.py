"""Writes a period as an Excel workbook."""
