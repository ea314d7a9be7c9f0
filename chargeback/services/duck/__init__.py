"""The one way to use DuckDB: a database on temporary disk, with limits."""
