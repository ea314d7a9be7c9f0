"""Renders the templates of the pages: all from outside is escaped, a missing value is an error."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup, escape

from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import recorded_name
from chargeback.domain.money.numerals import bare_amount, grouped
from chargeback.services.statements.print_dates import month_name, short_month
from chargeback.services.statements.print_numbers import at_least, exact, percent, price_unit
from chargeback.services.statements.render_statement import label

_UNKNOWN = "\N{EN DASH}"
PLACES = 6
"""Decimals of an amount in a table: more are in the files."""


def render(template: str, values: Mapping[str, Any]) -> bytes:
    """A page, in UTF-8."""
    return _environment().get_template(template).render(values).encode("utf-8")


@cache
def asset(name: str) -> bytes:
    """A file that pages load."""
    return files("chargeback.web").joinpath("assets", name).read_bytes()


def asset_path(name: str) -> str:
    """The address of an asset. It changes with the content, so that browsers may keep it for ever."""
    return f"/assets/{_digest(name)}/{name}"


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(asset(name)).hexdigest()[:16]


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.PackageLoader("chargeback.web", "templates"),
                jinja2.PackageLoader("chargeback", "services/statements"),
            ]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "headline": headline,
        "amount": amount,
        "exact": amount,
        "at_least": at_least,
        "number": grouped,
        "moment": moment,
        "day": day,
        "month": month_name,
        "short_month": short_month,
        "role_word": role_word,
        "sentence": sentence,
        "as_percent": as_percent,
        "price_unit": price_unit,
        "coded": coded,
        "decimal": decimal,
        "person": recorded_name,
    }
    environment.globals |= {"asset": asset_path, "percent": percent, "svg": Markup, "label": label, "link": link}
    return environment


def link(path: str, *parameters: Mapping[str, str | None], **more: str | None) -> str:
    """The address of a page with parameters; those without a value are left out, later ones replace earlier ones."""
    given = {name: value for each in (*parameters, more) for name, value in each.items()}
    query = urlencode({name: value for name, value in given.items() if value}, quote_via=quote)
    return f"{path}?{query}" if query else path


def role_word(role: AppRole) -> str:
    """What a role is called on a page, such as Finance."""
    return role.value.rpartition(".")[2]


def decimal(text: str | None) -> Decimal:
    """An amount of the API to compare; what is not known is nothing."""
    return Decimal(text or 0)


def sentence(text: str) -> str:
    """What the API says, as a sentence."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text[-1:] in ".!?" else ".")


def as_percent(ratio: str) -> str:
    """A ratio, as a percentage with one decimal."""
    return percent(Decimal(ratio), Decimal(1))


def coded(text: str) -> Markup:
    """Text in which what stands between backticks is shown as code, and a percent sign stays with its number."""
    parts = text.replace(" %", "\N{NO-BREAK SPACE}%").split("`")
    if len(parts) % 2 == 0:  # one is left over, so none is a pair for sure
        return escape("`".join(parts))
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


def headline(value: str | Decimal | None, currency: str, *, plus: bool = False) -> str:
    """An amount as a headline has it, rounded to what the currency has; `plus` marks a change. A dash: unknown."""
    if value is None:
        return _UNKNOWN
    return bare_amount(Decimal(value), currency, plus=plus)


def amount(value: str | Decimal | None, *, plus: bool = False) -> Markup | str:
    """An amount as a table has it, with all its decimals. Nothing known: a dash."""
    return _UNKNOWN if value is None else exact(Decimal(value), PLACES, plus=plus)


def moment(value: datetime | str | None) -> Markup | str:
    """A time, to the minute, in UTC."""
    if value is None:
        return _UNKNOWN
    at = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
    text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}">{} UTC</time>').format(text, at.strftime("%-d %b %Y, %H:%M"))


def day(value: date | str) -> Markup:
    """A date."""
    at = date.fromisoformat(value) if isinstance(value, str) else value
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), at.strftime("%-d %b %Y"))
