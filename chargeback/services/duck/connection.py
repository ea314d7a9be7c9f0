"""Opens a DuckDB database with its limits, and turns DuckDB's errors into ours.

The library is imported with the first connection: most instances of the app take events and never open one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chargeback.domain.errors import NoRoom

if TYPE_CHECKING:
    import duckdb


def connect(
    database: Path | None,
    *,
    spill: Path,
    memory_limit_mb: int,
    threads: int = 2,
    spill_limit: int | None = None,
    is_read_only: bool = False,
    keeps_order: bool = True,
) -> "duckdb.DuckDBPyConnection":
    """A connection to a database file, or to one in memory (None).

    What does not fit into `memory_limit_mb` goes to the folder `spill`, which takes `spill_limit` bytes at most.
    `keeps_order`: whether rows without ORDER BY keep the order in which they came, which takes more memory.
    """
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_limit_mb}MB",
        "temp_directory": str(spill),
        "threads": threads,
        "preserve_insertion_order": keeps_order,
        "python_enable_replacements": False,
    }
    if spill_limit is not None:
        config["max_temp_directory_size"] = f"{max(1, spill_limit >> 20)}MiB"
    with translated_errors():
        connection = duckdb.connect(database or ":memory:", read_only=is_read_only, config=config)
        connection.execute("SET enable_progress_bar = false")
    return connection


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise `NoRoom` where memory and disk are used up, and `ValueError` for everything else that DuckDB refuses.

    What somebody interrupts raises `TimeoutError`.
    A statement itself can refuse data by `error(…)`; the text is then exactly what it says.
    """
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise NoRoom(f"neither memory nor temporary disk hold the period: {error}") from error
    except duckdb.InterruptException as error:
        raise TimeoutError(str(error)) from error
    except duckdb.IOException as error:
        if "No space left on device" in str(error):
            raise NoRoom(f"the temporary disk is full: {error}") from error
        raise ValueError(str(error)) from error
    except duckdb.Error as error:
        raise ValueError(str(error).removeprefix("Invalid Input Error: ")) from error
