"""The one way to use DuckDB: named statements from `*.sql` files, run on temporary disk, within limits."""
