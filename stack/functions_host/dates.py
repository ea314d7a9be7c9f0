"""Rewrites strings that look like dates in an event, as the Event Grid extension's JSON reader does.

It reads bodies with Newtonsoft's `JToken.Parse` (`EventGridExtensionConfigProvider.cs` of
github.com/Azure/azure-functions-eventgrid-extension), whose default turns such texts into dates, and writes them again
for the worker: without closing zeros, with 7 digits at most, offsets turned into the machine's time, which is UTC
(newtonsoft.com/json/help/html/DatesInJSON.htm).
"""

import re
from datetime import UTC, datetime

_DATE = re.compile(
    rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?"(?!\s*:)',
)


def rewrite_dates(body: bytes) -> bytes:
    """Return the JSON as a function sees it; names of members stay as they are."""
    return _DATE.sub(_rewritten, body)


def _rewritten(found: re.Match[bytes]) -> bytes:
    second, fraction, zone = (part.decode() if part else "" for part in found.groups())
    try:
        moment = datetime.fromisoformat(second + (zone if zone != "Z" else ""))
    except ValueError:
        return found[0]
    if zone not in ("", "Z"):
        moment, zone = moment.astimezone(UTC), "+00:00"
    digits = fraction[:7].rstrip("0")
    return f'"{moment:%Y-%m-%dT%H:%M:%S}{"." if digits else ""}{digits}{zone}"'.encode()
