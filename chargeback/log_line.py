"""Writes each line of the log as one JSON object: an event name, its fields, and an id that joins it to others.

Alerts and the workbook read these lines with `parse_json(Message)`, so no value may break the object: JSON escapes
whatever a name from outside holds, and a line stays short enough that Application Insights keeps it whole.
"""

import json
import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal

from chargeback.domain.money.exact import to_text

Value = str | int | bool | Decimal | date | datetime | BaseException | None

MOST_CHARACTERS = 32_000
"""Application Insights cuts a message after 32 768 characters, and half an object is none."""

_SHORTER = (8_000, 2_000, 400, 100)
"""The lengths to which strings are cut, one after the other, until the line is short enough."""

_run: ContextVar[str | None] = ContextVar("run", default=None)


@contextmanager
def one_run(run_id: str | None = None) -> Iterator[str]:
    """What is logged within belongs to one run: an invocation, a request, a command. Yields the id of the run."""
    run_id = run_id or uuid.uuid4().hex
    before = _run.set(run_id)
    try:
        yield run_id
    finally:
        _run.reset(before)


def current_run() -> str:
    """The id of the run that the code belongs to; empty outside of one."""
    return _run.get() or ""


def log_line(
    log: logging.Logger, event: str, *, about: str | None = None, level: int = logging.INFO, **fields: Value
) -> None:
    """Log one event.

    `about` is what the line is about, if that has an id of its own, such as a usage event or a billing period; it is
    then the correlation id. Otherwise the run is.
    """
    if log.isEnabledFor(level):
        run_id = _run.get() or uuid.uuid4().hex
        log.log(level, to_line(event, about or run_id, run_id, fields), stacklevel=2)


def to_line(event: str, correlation_id: str, run_id: str, fields: Mapping[str, Value]) -> str:
    """The line. The event comes first, so that a query can tell lines apart before it parses them."""
    line = ""
    for most in _SHORTER:
        named = {name: _plain(value, most) for name, value in fields.items()}
        ids = {"correlation_id": _plain(correlation_id, most), "run_id": _plain(run_id, most)}
        line = json.dumps({"event": event, **ids, **named}, separators=(",", ":"))
        if len(line) <= MOST_CHARACTERS:
            break
    return line


def _plain(value: Value, most: int) -> str | int | bool | None:
    """A value as JSON has it. Amounts are text, because a JSON number may be read as a rounded one."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Decimal):
        return to_text(value)
    if isinstance(value, date):  # or a datetime, which is one
        return value.isoformat()
    # Half of a surrogate pair is no text: a parser may refuse the whole line for it.
    text = str(value)[:most].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text if len(str(value)) <= most else f"{text}…"
