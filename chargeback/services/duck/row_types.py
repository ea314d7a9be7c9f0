"""Which DuckDB type each column of a period's rows has."""

from chargeback.domain.reports.rows import ROW_COLUMNS, ColumnType

SQL_TYPES = {
    ColumnType.STRING: "VARCHAR",
    ColumnType.COUNT: "BIGINT",
    ColumnType.PRICE: "DECIMAL(28, 12)",
    ColumnType.AMOUNT: "DECIMAL(38, 18)",
}


def row_types(decimals: int) -> dict[str, str]:
    """Column → its type; `cost`, which is printed, has the decimal places of the books."""
    types = {column: SQL_TYPES[kind] for column, kind in ROW_COLUMNS.items()}
    return types | {"cost": f"DECIMAL(38, {decimals})"}
