"""Takes a moment that somebody said as one in UTC."""

from datetime import UTC, datetime

from chargeback.api.errors import ApiError


def moment_in_utc(said: datetime, target: str, code: str = "InvalidParameter") -> datetime:
    """The same moment; 400 for one without a time zone, and for one that lies in UTC before the first year there is."""
    if said.tzinfo is None:
        raise ApiError(400, code, "say the time zone, such as 2026-11-01T00:00:00Z", target=target)
    try:
        return said.astimezone(UTC)
    except OverflowError:
        raise ApiError(400, code, "is not a time that can be", target=target) from None
