"""The arguments and options that commands share: each is spelled, checked and explained in one place.

A period is an argument, days are `--day`, `--by` says who is signed in, `--reason` goes on the record, `--out` names a
file and `--out-dir` a folder, and `--json` prints one document for a script.
"""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.time.months import month


def utc_day_of(text: str) -> UtcDay:
    """The UTC day that an option names."""
    return UtcDay(_day_of(text))


def book_date_of(text: str) -> BookDate:
    """The date of the books that an option names."""
    return BookDate(_day_of(text))


def _day_of(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date().isoformat()  # noqa: DTZ007 a date has no time zone
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-03-14") from None


def time_of(text: str, now: datetime) -> datetime:
    """The UTC time in the past that an option names; a day is its midnight."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is neither a day nor a time such as 2026-03-14T06:00") from None
    if moment >= now:
        raise typer.BadParameter(f"{text} is still to come")
    return moment


def moment_of(text: str, calendar: Calendar) -> datetime:
    """The UTC time that an option names; a day begins when that date of the books does."""
    try:
        if len(text) == len("2026-03-14"):
            return calendar.midnight(book_date_of(text))
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is neither a day nor a time such as 2026-03-14T06:00") from None


def amount_of(text: str) -> Decimal:
    """The amount of money that an option names."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise typer.BadParameter(f"{text!r} is not an amount of money")
    return amount


def _month(text: str | None) -> str | None:
    try:
        return text if text is None else month(text)
    except InvalidConfig as error:
        raise typer.BadParameter(str(error)) from None


def _days(texts: list[str] | None) -> list[str]:
    return [_day_of(each) for each in texts or ()]


def _day(text: str | None) -> str | None:
    return None if text is None else _day_of(text)


def _not_blank(text: str | None) -> str | None:
    if text is not None and not text.strip():
        raise typer.BadParameter("is blank")
    return text


def period_argument(what: str) -> Any:
    """The argument PERIOD; says what the month is for, and what stands in where it may be left out."""
    return typer.Argument(metavar="PERIOD", help=what, callback=_month, show_default=False)


def days_option(what: str, without: str) -> Any:
    """The option --day, which may be repeated; says what is meant, and without it."""
    help_ = f"{what}; may be repeated. Default: {without}."
    return typer.Option("--day", metavar="YYYY-MM-DD", help=help_, callback=_days, show_default=False)


def day_option(name: str, what: str) -> Any:
    """An option that names one day."""
    return typer.Option(name, metavar="YYYY-MM-DD", help=what, callback=_day, show_default=False)


def by_option(what: str) -> Any:
    """The option --by: it names whoever is signed in, and is refused where it names another."""
    return typer.Option("--by", metavar="NAME", help=what, callback=_not_blank, show_default=False)


def reason_option(what: str) -> Any:
    """The option --reason, which goes on the record."""
    return typer.Option("--reason", metavar="TEXT", help=what, callback=_not_blank, show_default=False)


def require_override_with_reason(override: bool, reason: str | None) -> None:
    """Refuse one without the other: --override asks for something unusual, --reason says why for the record."""
    if override != (reason is not None):
        raise typer.BadParameter("--override and --reason TEXT go together: add the other one")


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Refuse to write over a file, or into a folder, that exists, unless the caller says so."""
    if path.exists() and not overwrite:
        raise typer.BadParameter(f"{path} exists already: add --overwrite, or name another place")


Period = Annotated[str, period_argument("The month, YYYY-MM.")]
By = Annotated[str | None, by_option("Who does it, if it is to be checked. Default: whoever is signed in to Azure.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
DRY_RUN = "dry run: nothing was written"
"""The beginning of the answer to every dry run of something that writes."""

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over files that exist.")]
ConfigDir = Annotated[
    Path,
    typer.Option(
        "--config-dir", metavar="FOLDER", envvar="CHARGEBACK_CONFIG_DIR", help="Folder of the configuration files."
    ),
]
