"""Joins and divides Parquet files by their row groups, which keep their bytes."""
