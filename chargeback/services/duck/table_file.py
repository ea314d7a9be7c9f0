"""Writes a small table as a Parquet file: amounts as exact decimals, what is not known as null."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from chargeback.services.duck.connection import connect, translated_errors
from chargeback.services.duck.statements import quoted

MEMORY_MB = 128


def write_table(types: Mapping[str, str], rows: Iterable[Sequence[object]]) -> bytes:
    """The file's bytes. `types`: column → its DuckDB type."""
    with TemporaryDirectory(prefix="chargeback-table-") as folder:
        lines, file = Path(folder, "rows.json"), Path(folder, "rows.parquet")
        encode = msgspec.json.encode
        with lines.open("wb") as out:
            for row in rows:
                out.write(encode(dict(zip(types, row, strict=True))) + b"\n")
        columns = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in types.items())
        source = (
            f"read_json({quoted(str(lines))}, format = 'newline_delimited', columns = {{{columns}}})"
            if lines.stat().st_size
            else "(SELECT " + ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in types.items()) + " WHERE false)"
        )
        connection = connect(None, spill=Path(folder), memory_limit_mb=MEMORY_MB, threads=1)
        try:
            with translated_errors():
                connection.execute(f"COPY (FROM {source}) TO {quoted(str(file))} (FORMAT parquet, COMPRESSION zstd)")
        finally:
            connection.close()
        return file.read_bytes()
