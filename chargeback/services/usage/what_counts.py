"""Which event counts for each call of a day, and under which line: the rule of `domain.phases`, on DuckDB.

Between events of one phase the ledger's order decides: when they were written, then who wrote them. Of a call that has
events on two days, the day with the call's own events accounts for it; the earlier one where both have.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from chargeback.domain.events.phases import attributed
from chargeback.domain.events.usage_event import Phase
from chargeback.domain.usage.lines import from_json, line_id, to_json
from chargeback.domain.usage.meters import Meter
from chargeback.services.usage.csv_rows import LINE_COLUMNS, load_rows

CLAIM_COLUMNS = {"call": "UUID"}
NEIGHBOUR_COLUMNS = {"call": "UUID", "rank": "TINYINT"}
"""Calls of another day, and how what that day knows of them ranks; see `domain.phases.rank_of`."""

_ATTRIBUTED_COLUMNS = {"first_line": "UUID", "last_line": "UUID", "line": "UUID"}
_NAMES = {f"${phase.name.lower()}": f"{phase:d}" for phase in Phase} | {"$meters": ", ".join(Meter)}
_PAIRS_AT_ONCE = 10_000

_REPEATED = """
-- Events of calls of more than one event, and of calls that are known from polls alone or by another identity, too: the
-- only ones where an event might not count.
CREATE TABLE repeated AS
WITH calls AS (
    SELECT call FROM events GROUP BY call HAVING count(*) > 1 OR min(phase) = $poll
    UNION SELECT call FROM claims
)
SELECT
    position,
    call,
    phase,
    line,
    hour,
    row_number() OVER (PARTITION BY call ORDER BY phase DESC, written, position) AS place,
    min(phase) OVER (PARTITION BY call) AS earliest,
    row_number() OVER same AS repetition,
    hash(line, hour, $meters) IS DISTINCT FROM first_value(hash(line, hour, $meters)) OVER same AS differs,
    first_value(line) OVER own AS first_line,
    first_value(hour) OVER own AS first_hour
FROM events SEMI JOIN calls USING (call)
WINDOW
    same AS (PARTITION BY call, phase ORDER BY written, position),
    own AS (PARTITION BY call ORDER BY phase < $pending, phase, written, position)
"""

_IDLE = """
-- Events that do not count: a later phase or an earlier copy accounts for the call, a poll stands alone, or what others
-- say of the call is in its own events, which are known by another identity.
CREATE TABLE idle AS
SELECT position, repetition > 1 AS duplicate, differs
FROM repeated
WHERE place > 1
    OR (phase = $poll AND earliest = $poll)
    OR (phase <= $recovered AND call IN (SELECT call FROM claims))
"""

_MOVED = """
-- Events that say what a call used whose first phase said who made it.
CREATE TABLE moved AS
SELECT position, line AS last_line, hour, first_line, first_hour
FROM repeated
WHERE place = 1 AND phase IN ($settled, $poll) AND (first_line <> line OR first_hour <> hour)
"""

_PAIRS = """
SELECT first_line::VARCHAR, last_line::VARCHAR, first.text, last.text
FROM (SELECT DISTINCT first_line, last_line FROM moved WHERE first_line <> last_line)
JOIN texts AS first ON first.line = first_line
JOIN texts AS last ON last.line = last_line
"""

_COUNTED_AS = """
-- The line and hour of events that count under others than their own.
CREATE TABLE counted_as AS
SELECT position, coalesce(attributed.line, last_line) AS line, first_hour AS hour
FROM moved LEFT JOIN attributed USING (first_line, last_line)
WHERE attributed.line IS NOT NULL OR first_hour <> hour
"""

_COUNTED_AS_FOLDED = """
INSERT INTO counted_as
SELECT position, folded.line, hour FROM folded JOIN events USING (position) ANTI JOIN counted_as USING (position)
"""

_ELSEWHERE = """
INSERT INTO elsewhere
SELECT position
FROM events JOIN (SELECT call, max(rank) AS rank FROM neighbours WHERE rank >= 0 GROUP BY call) AS other USING (call)
WHERE other.rank {ranks} CASE WHEN phase < $recovered THEN -1 WHEN phase = $recovered THEN 0 ELSE 2 END
"""

_IDLE_ELSEWHERE = """
INSERT INTO idle SELECT DISTINCT position, true, true FROM elsewhere ANTI JOIN idle USING (position)
"""


def find_what_counts(engine: duckdb.DuckDBPyConnection, folder: str) -> None:
    """Make the tables `idle`, `counted_as` and `texts` from `events`, `lines`, `claims` and `folded`."""
    for query in (_REPEATED, _IDLE, _MOVED):
        engine.execute(_with_names(query))
    engine.execute("CREATE VIEW texts AS SELECT line, any_value(text) AS text FROM lines GROUP BY line")
    engine.execute("CREATE TABLE attributed (first_line UUID, last_line UUID, line UUID)")
    for number, pairs in enumerate(_pairs(engine)):
        _attribute(engine, pairs, f"{folder}/attributed-{number}")
    engine.execute(_COUNTED_AS)
    engine.execute(_COUNTED_AS_FOLDED)


def leave_to_neighbour(engine: duckdb.DuckDBPyConnection, *, is_before: bool) -> None:
    """Take what the day in `neighbours` accounts for out of this one, and forget that day."""
    engine.execute(_with_names(_ELSEWHERE.replace("{ranks}", ">=" if is_before else ">")))
    engine.execute("DELETE FROM neighbours")


def leave_out_elsewhere(engine: duckdb.DuckDBPyConnection) -> None:
    """What neighbouring days account for does not count here."""
    engine.execute(_IDLE_ELSEWHERE)


def _with_names(query: str) -> str:
    for name, text in _NAMES.items():
        query = query.replace(name, text)
    return query


def _pairs(engine: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[str, str, str, str]]]:
    found = engine.cursor().execute(_PAIRS)
    while pairs := found.fetchmany(_PAIRS_AT_ONCE):
        yield pairs


def _attribute(engine: duckdb.DuckDBPyConnection, pairs: Sequence[tuple[str, str, str, str]], path: str) -> None:
    """Note the line of calls with these first and last lines, where it is another than the last."""
    rows, lines = [], []
    for first, last, first_text, last_text in pairs:
        own = from_json(last_text)
        line = attributed(from_json(first_text), own)
        if line != own:
            identity = line_id(line)
            quoted = to_json(line).replace('"', '""')
            rows.append(f"{first},{last},{identity}\n")
            lines.append(f'{identity},"{quoted}"\n')
    for table, columns, text in (("attributed", _ATTRIBUTED_COLUMNS, rows), ("lines", LINE_COLUMNS, lines)):
        Path(f"{path}.{table}").write_text("".join(text), encoding="utf-8")
        load_rows(engine, table, columns, [f"{path}.{table}"])
