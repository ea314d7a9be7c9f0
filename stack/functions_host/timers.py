"""Runs the timers of the functions host by their NCRONTAB schedules; a missed run is made up for once."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from croniter import croniter

from stack.functions_host.index import AppError, Function, resolve

TIMESPAN = re.compile(r"^(\d+\.)?\d+:\d+(:\d+)?$")
Invoke = Callable[[Function, str], Awaitable[Any]]


def next_run(schedule: str, after: datetime) -> datetime:
    """Return when an NCRONTAB expression (five or six fields, UTC) is due first after `after`."""
    if TIMESPAN.match(schedule):
        raise AppError(f"schedule {schedule!r}: a time span works on App Service plans only; write NCRONTAB")
    fields = len(schedule.split())
    try:
        # NCRONTAB has the seconds first and wants day and weekday both to match; other crons want either.
        times = croniter(schedule, after, second_at_beginning=fields == 6, day_or=False)
        due: datetime = times.get_next(datetime)
        return due.replace(tzinfo=UTC)
    except (ValueError, KeyError) as error:
        raise AppError(f"schedule {schedule!r} is not NCRONTAB: {error}") from error


def timer_info(status: dict[str, str] | None = None, *, past_due: bool = False) -> str:
    """Return the JSON that the host hands to a timer function."""
    schedule = {"AdjustForDST": True}
    return json.dumps({"Schedule": schedule, "ScheduleStatus": status, "IsPastDue": past_due})


class StatusFile:
    """When each timer last ran and runs next; the host keeps the same in its storage account."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._entries: dict[str, dict[str, str]] = {}
        if path and path.exists():
            self._entries = json.loads(path.read_text())

    def read(self, name: str) -> dict[str, str] | None:
        """Return the status of one timer."""
        return self._entries.get(name)

    def write(self, name: str, last: datetime | None, due: datetime) -> None:
        """Remember one timer's last and next run."""
        now = datetime.now(UTC).isoformat()
        self._entries[name] = {
            "Last": last.isoformat() if last else "",
            "Next": due.isoformat(),
            "LastUpdated": now,
        }
        if self._path:
            temporary = self._path.with_suffix(".new")
            temporary.write_text(json.dumps(self._entries, indent=2))
            temporary.replace(self._path)


async def run_timer(function: Function, invoke: Invoke, statuses: StatusFile) -> None:
    """Invoke a timer function whenever it is due, one run at a time, until cancelled."""
    schedule = resolve(str(function.trigger["schedule"]))
    monitored = bool(function.trigger.get("useMonitor", True))
    status = statuses.read(function.name) if monitored else None
    now = datetime.now(UTC)
    missed = status is not None and datetime.fromisoformat(status["Next"]) < now
    due = next_run(schedule, now)
    if missed or function.trigger.get("runOnStartup"):
        await _fire(function, invoke, statuses, due, past_due=missed)
    while True:
        due = next_run(schedule, max(due - timedelta(seconds=1), datetime.now(UTC)))
        if monitored:
            last = (statuses.read(function.name) or {}).get("Last")
            statuses.write(function.name, datetime.fromisoformat(last) if last else None, due)
        await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
        await _fire(function, invoke, statuses, due, past_due=False)


async def _fire(function: Function, invoke: Invoke, statuses: StatusFile, due: datetime, *, past_due: bool) -> None:
    info = timer_info(statuses.read(function.name), past_due=past_due)
    await invoke(function, info)
    statuses.write(function.name, datetime.now(UTC), due)


def check_schedules(functions: list[Function]) -> dict[str, Any]:
    """Return each timer's next run; raise for a schedule that cannot be read."""
    timers = [function for function in functions if function.type == "timerTrigger"]
    now = datetime.now(UTC)
    return {timer.name: next_run(resolve(str(timer.trigger["schedule"])), now).isoformat() for timer in timers}
