"""Renders a statement as one HTML page that needs no other file: no scripts, fonts, images or style sheets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib.resources import files
from posixpath import dirname, relpath
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from chargeback.domain.cost_centres.tree import UNALLOCATED, ancestors
from chargeback.domain.money.currencies import minor_unit_decimals
from chargeback.domain.money.exact import EXACT, ZERO, round_total, total
from chargeback.domain.money.numerals import at_places, grouped
from chargeback.domain.reports.figures import DayCost, Figures, Share
from chargeback.domain.reports.focus import sku_meter
from chargeback.domain.reports.layout import name_of, statement_path
from chargeback.domain.reports.movers import Mover, summed
from chargeback.domain.time.months import Month, dates_of
from chargeback.domain.usage.states import LineState
from chargeback.services.publishing.period_tables import PeriodFrame
from chargeback.services.statements.draw_charts import Bar, by_name
from chargeback.services.statements.explain_charge import (
    budget_use,
    charge_chain,
    one_unit,
    posted_to,
    shared_shares,
    whole_of,
    why_it_moved,
)
from chargeback.services.statements.print_dates import month_name, short_month
from chargeback.services.statements.print_numbers import (
    at_least,
    css_text,
    exact,
    on_axis,
    percent,
    price_unit,
)
from chargeback.services.statements.tabulate_days import tabulate_days

MOST_MOVERS = 10

_DOT = " · "
_BETWEEN = Markup(" · ")
_SOURCES = ("statement.html.j2", "statement.css", "days.html.j2", "why.html.j2")
_VIEWS = {"model": "By model", "application": "By application", "user": "By user"}


@dataclass(frozen=True, slots=True)
class StatementPeriod:
    """The facts that all statements of a period share.

    Attributes:
        last_day: the last day with usage, anywhere; empty without any.
        rates_before: currency → the exchange rate of the period before.
        previous_currencies: those that the period before was kept in; empty where it was never published.
    """

    frame: PeriodFrame
    last_day: str
    previous_currencies: tuple[str, ...]
    rates_before: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def compared(self) -> bool:
        """Whether there is a period before, in the same currency."""
        return self.frame.currency in self.previous_currencies


@dataclass(frozen=True, slots=True)
class View:
    """The own costs by one dimension, with their chart as SVG; there is none where all is zero."""

    title: str
    name: str
    shares: Sequence[Share]
    chart: str


@dataclass(frozen=True, slots=True)
class Why:
    """Why the own costs changed, in amounts as they are printed, which add up to the change."""

    parts: dict[str, Decimal]
    rounding: Decimal
    movers: Sequence[Mover]
    others: int
    others_change: Decimal


@cache
def _template(places: int, currency: str) -> jinja2.Template:
    """The template, for amounts with so many decimals, in headlines those of the currency; compiled once a process."""

    def headline(amount: Decimal, of: str = currency, *, plus: bool = False) -> str:
        return at_places(amount, min(minor_unit_decimals(of), places), plus=plus)

    folder = files("chargeback.services.statements")
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({name: (folder / name).read_text("utf-8") for name in _SOURCES}),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cents": headline,
        "exact": lambda amount, **given: exact(amount, places, **given),
        "number": grouped,
        "at_least": at_least,
        "css_text": css_text,
        "month": month_name,
        "short_month": short_month,
        "total": total,
    }
    environment.globals |= {"percent": percent, "svg": Markup, "label": label, "isolated": isolated}
    environment.globals |= {"meter_name": sku_meter, "price_unit": price_unit}
    environment.globals |= {"why_it_moved": why_it_moved, "whole_of": whole_of}
    return environment.get_template(_SOURCES[0])


class Renderer:
    """Renders the statements of a period."""

    def __init__(self, period: StatementPeriod) -> None:
        self._period = period
        self._template = _template(period.frame.decimals, period.frame.currency)

    def page(self, figures: Figures) -> bytes:
        """The page of one cost centre."""
        return self._template.render(self._context(figures)).encode()

    def _context(self, figures: Figures) -> dict[str, Any]:
        frame, totals = self._period.frame, figures.totals
        where, dates = month_name(frame.period), dates_of(frame.period)
        return {
            "period": self._period,
            "frame": frame,
            "month": where,
            "figures": figures,
            "totals": totals,
            "is_unallocated": totals.path == UNALLOCATED,
            "above": [(path, frame.centres.get(path, path)) for path in reversed([*ancestors(totals.path)])],
            "link": lambda path: _link(totals.path, path, frame.period),
            "csv": name_of(statement_path(totals.path, frame.period, "csv")),
            "days": tabulate_days(dates, figures.days, f"Bars: cost of each day of {where}, by model"),
            "below": tabulate_days(
                dates, self._named(figures), f"Bars: cost of each day of {where}, by cost centre below"
            ),
            "views": [_view(name, figures.shares.get(name, ())) for name in _VIEWS],
            "elsewhere": _elsewhere(figures, frame.currency),
            "why": _why(figures, frame.decimals),
            "one_unit": one_unit(figures.prices),
            "chain": charge_chain(figures.chain, frame.decimals),
            "shares": shared_shares(figures),
            "posted": posted_to(totals.path, totals.cost, frame),
            "objections_until": frame.issuer.objections_until(frame.period),
            "budget_of": lambda of: budget_use(of.budget, of.cost_with_below, frame),
            "deeds_behind": [
                deed
                for corrected in sorted({each.period for each in figures.corrected})
                for deed in frame.standing.behind(corrected)
            ],
            "open": {
                state: [each for each in figures.open_usage if each.state == state]
                for state in (LineState.UNPRICED, LineState.UNSETTLED, LineState.ESTIMATED)
            },
        }

    def _named(self, figures: Figures) -> list[DayCost]:
        """The days below, with the names of the cost centres in place of the last components of their paths."""
        path, names = figures.totals.path, self._period.frame.centres
        return [
            day._replace(label=names.get(f"{path}/{day.label}", day.label) if day.label else "")
            for day in figures.days_below
        ]


def _link(of: str, to: str, period: Month) -> str:
    """From the page of one cost centre to that of another, in the same folder of files."""
    return quote(relpath(statement_path(to, period, "html"), dirname(statement_path(of, period, "html"))))


def _elsewhere(figures: Figures, currency: str) -> dict[str, Decimal]:
    """Charges in other currencies than that of the books."""
    sums: dict[str, Decimal] = {}
    for each in figures.corrected:
        if each.currency != currency:
            sums[each.currency] = EXACT.add(sums.get(each.currency, ZERO), each.cost)
    return sums


def _view(name: str, shares: Sequence[Share]) -> View:
    drawn = [share for share in shares if share.cost]
    chart = ""
    if drawn:
        bars = [Bar(_short(label(share, name)), share.cost, _colour(share)) for share in drawn]
        chart = by_name(bars, on_axis, f"Bars: cost {_VIEWS[name].lower()}, the largest first")
    return View(_VIEWS[name], name, shares, chart)


def label(share: Share, view: str) -> str:
    """The name of a part of the costs."""
    if share.kind != "usage":
        return {"shared": "Shared costs", "correction": "Corrections"}[share.kind]
    if share.members > 1:
        return f"{share.members} others"
    return share.label or f"(no {view})"


def _colour(share: Share) -> str:
    return share.kind if share.kind != "usage" else "others" if share.members > 1 else "c0"


def _short(application: str) -> str:
    """An application's subscription with the first digits of its id."""
    subscription, dot, app = application.rpartition(_DOT)
    return f"{subscription}{dot}{app[:8]}" if dot else application


def isolated(application: str) -> Markup:
    """An application's subscription and id, each in its own direction of writing."""
    parts = application.rpartition(_DOT)
    return _BETWEEN.join(Markup("<bdi>{}</bdi>").format(part) for part in parts[::2] if part)


def _why(figures: Figures, places: int) -> Why:
    parts = {part: round_total(amount, places) for part, amount in summed(figures.movers).items()}
    totals = figures.totals
    change = EXACT.subtract(totals.cost, totals.previous)
    moved = [mover for mover in figures.movers if mover.change]
    others = moved[MOST_MOVERS:]
    return Why(
        parts,
        rounding=EXACT.subtract(change, total([*parts.values()])),
        movers=moved[:MOST_MOVERS],
        others=len(others),
        others_change=total([mover.change for mover in others]),
    )
