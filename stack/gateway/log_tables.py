"""The tables of the gateway's log: rows are written here, and readers see a row once it has arrived."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stack.gateway.log_arrivals import Arrivals

LLM_TABLE, CALL_TABLE = "ApiManagementGatewayLlmLog", "ApiManagementGatewayLogs"


def path_of(state: Path, table: str) -> Path:
    """Where the rows of `table` are kept."""
    return state / f"{table}.ndjson"


class LogTables:
    """Appends rows, each of which arrives by the rules of the log."""

    def __init__(
        self, state: Path | None, arrivals: Arrivals | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._state, self._arrivals, self._clock = state, arrivals or Arrivals(), clock
        self.rows: dict[str, list[dict[str, Any]]] = {LLM_TABLE: [], CALL_TABLE: []}

    def add(self, table: str, row: dict[str, Any]) -> None:
        """Write a row, which arrives by the rules of the log."""
        arriving = list(self._arrivals.of(table, row, self._clock()))
        if self._state is None:
            self.rows[table] += [part for _, part in arriving]
            return
        lines = (json.dumps({"visibleAt": moment, "row": part}) + "\n" for moment, part in arriving)
        with path_of(self._state, table).open("a", encoding="utf-8") as file:
            file.writelines(lines)
