"""Keeps the charges of settled days as Parquet files beside the books, and reads them from there."""
