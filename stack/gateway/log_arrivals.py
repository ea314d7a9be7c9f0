"""When rows of the gateway's log reach the workspace: late, in parts, twice, or never."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The rules by which rows arrive.

    Attributes:
        delay: seconds until a row can be queried; minutes in Azure
            (learn.microsoft.com/azure/azure-monitor/logs/data-ingestion-time).
        parts: rows of one call in the log of models: a large one is split into several, told apart by their sequence
            numbers (learn.microsoft.com/azure/api-management/api-management-howto-llm-logs).
        apart: seconds between the arrivals of two rows of one call.
        repeated: seconds after which each row is taken in once more; None for never. Logs are stored, forwarded and
            retried without transactional guarantees, so they may come twice, and are "not 100% lossless"
            (the note in learn.microsoft.com/azure/logic-apps/monitor-workflows-collect-diagnostic-data).
        lost: tables and sequence numbers whose rows never arrive.
    """

    delay: float = 0.0
    parts: int = 1
    apart: float = 0.0
    repeated: float | None = None
    lost: frozenset[tuple[str, int]] = frozenset()

    def of(self, table: str, row: Row, now: float) -> Iterator[tuple[float, Row]]:
        """When which rows arrive of one that is written now, in seconds since 1970."""
        rows = _split(row, self.parts) if "SequenceNumber" in row else [row]
        for number, part in enumerate(rows):
            if (table, number) in self.lost:
                continue
            first = now + self.delay + number * self.apart
            yield first, part
            if self.repeated is not None:
                yield first + self.repeated, part


def _split(row: Row, parts: int) -> list[Row]:
    """The row in parts that sum up to it: the first has the prompt, the last the answer."""
    nothing = dict.fromkeys(("PromptTokens", "CompletionTokens", "TotalTokens"), 0)
    rows = [{**row, **nothing, "SequenceNumber": number} for number in range(parts)]
    prompt = row["PromptTokens"]
    rows[0]["PromptTokens"] = prompt
    rows[-1]["CompletionTokens"] = row["CompletionTokens"]
    rows[0]["TotalTokens"] += prompt
    rows[-1]["TotalTokens"] += row["TotalTokens"] - prompt
    return rows
