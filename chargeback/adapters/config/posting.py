"""Reads posting.yaml: the company, account and ERP object of each cost centre, and the entity that charges."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from chargeback.adapters.config.decimals import is_decimal
from chargeback.adapters.config.entries import Record, Sections, each, sections
from chargeback.adapters.config.times import effective
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.cost_centres.tree import UNALLOCATED, ancestors
from chargeback.domain.journals.posting_rules import (
    CORRECTION,
    SHARED,
    USAGE,
    CentrePosting,
    IssuingEntity,
    PostingRules,
    ReceivingCompany,
)
from chargeback.domain.money.currencies import currency_fault, minor_unit_decimals
from chargeback.domain.terms.shared_costs import SharedCost
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import Effective, hour_name

FILE = "posting.yaml"

_COMPANY = re.compile(r"[0-9A-Za-z_.]{1,20}", re.A)
_LONGEST = 40
_NUMBER = re.compile(r"expected `str`, got `(int|float)`$")
_KINDS = (USAGE, SHARED, CORRECTION)

Placed = tuple[str, CentrePosting]
_Entry = IssuingEntity | ReceivingCompany | CentrePosting


class _Recovery(Record, frozen=True):
    account: str
    object_type: str = ""
    object: str = ""


class _Issuing(Record, frozen=True):
    company_code: str
    receivable: str
    recovery: _Recovery
    accrued_receivable: str = ""
    markup_account: str = ""
    smallest_amount: dict[str, Any] = msgspec.field(default_factory=dict)
    effective_from: str | None = None
    effective_to: str | None = None


class _Company(Record, frozen=True):
    company_code: str
    payable: str
    accrued_payable: str = ""
    effective_from: str | None = None
    effective_to: str | None = None


class _Centre(Record, frozen=True):
    cost_centre: str
    company_code: str
    object_type: str
    object: str
    accounts: dict[str, str]
    tax_code: str = ""
    effective_from: str | None = None
    effective_to: str | None = None
    successor: str = ""


SECTIONS = Sections({"issuing": list[_Issuing], "costCentres": list[_Centre]}, {"companies": list[_Company]})


def posting_rules(
    document: object, calendar: Calendar, allocation: Allocation, faults: list[str], *, thorough: bool = False
) -> PostingRules | None:
    """The rules; None without a document or without entries. What is wrong is appended to `faults`.

    `thorough` adds the checks that only files must pass: what is stored was in force and has to stay readable.
    """
    if document is None:
        return None
    top = sections(document, SECTIONS, faults)
    stated = (
        list(each(top["issuing"], _Issuing, "issuing", faults)),
        list(each(top["companies"] or [], _Company, "companies", faults)),
        list(each(top["costCentres"], _Centre, "costCentres", faults)),
    )
    faults[:] = [f"{fault}: put it in quotes" if _NUMBER.search(fault) else fault for fault in faults]
    if not any(stated):
        return None
    for place, entry in (one for section in stated for one in section):
        faults.extend(f"{place}.{fault}" for fault in _text_faults(entry))
    if faults:
        return None
    issuing = [(place, _issuing(one, effective(one, calendar, place, faults))) for place, one in stated[0]]
    companies = [(place, _company(one, effective(one, calendar, place, faults))) for place, one in stated[1]]
    centres = [(place, _centre(one, effective(one, calendar, place, faults))) for place, one in stated[2]]
    timed: list[tuple[str, _Entry]] = [*issuing, *companies, *centres]
    faults.extend(f"{place}.{fault}" for place, one in timed for fault in one.effective.faults())
    if not faults and thorough:
        faults += [*_order_faults(issuing, companies, centres), *_company_faults(issuing, companies, centres)]
        faults += _centre_faults(centres, {centre.path for centre in allocation.centres} | {UNALLOCATED})
    rules = [tuple(one for _, one in section) for section in (issuing, companies, centres)]
    return None if faults else PostingRules(*rules)  # type: ignore[arg-type]


def notes_on_posting(
    rules: PostingRules | None, allocation: Allocation, costs: Iterable[SharedCost], now: datetime
) -> Iterator[str]:
    """The cost centres that may be charged from now on and have no entry: a month with their cost is not posted."""
    if rules is None:
        return
    paid = {rule.cost_centre for rule in allocation.rules if rule.effective.after > now}
    for cost in costs:
        if cost.effective.after > now:
            paid |= {*cost.among, *cost.shares, *([cost.capacity.idle] if cost.capacity else [])}
    for path in sorted({*paid, UNALLOCATED}):
        if rules.entry(path, now) is None:
            yield (
                f"costCentres: {path!r} may be charged and has no entry now, nor has a cost centre above it: a month in"
                " which it costs anything cannot be posted"
            )


def _issuing(one: _Issuing, time: Effective) -> IssuingEntity:
    return IssuingEntity(
        company=one.company_code,
        receivable=one.receivable,
        accrued_receivable=one.accrued_receivable or one.receivable,
        recovery=one.recovery.account,
        object_type=one.recovery.object_type,
        object=one.recovery.object,
        markup_account=one.markup_account,
        smallest={currency: Decimal(amount) for currency, amount in one.smallest_amount.items()},
        effective=time,
    )


def _company(one: _Company, time: Effective) -> ReceivingCompany:
    return ReceivingCompany(one.company_code, one.payable, one.accrued_payable or one.payable, time)


def _centre(one: _Centre, time: Effective) -> CentrePosting:
    return CentrePosting(
        one.cost_centre, one.company_code, one.object_type, one.object, one.accounts, one.tax_code, time, one.successor
    )


def _text_faults(entry: _Issuing | _Company | _Centre) -> Iterator[str]:
    if not _COMPANY.fullmatch(entry.company_code):
        yield (
            f"companyCode: {entry.company_code!r} is not 1 to 20 letters, digits, `_` or `.`: the ids of the documents"
            " are made of it"
        )
    for name, text in _texts(entry):
        if not text.isprintable() or text != text.strip() or len(text) > _LONGEST:
            yield f"{name}: {text!r} has blanks around it, characters that cannot be printed, or more than {_LONGEST}"
    if isinstance(entry, _Issuing):
        yield from _smallest_faults(entry.smallest_amount)
    if isinstance(entry, _Centre):
        if unknown := entry.accounts.keys() - set(_KINDS):
            yield f"accounts.{min(unknown)}: no such kind; there are {', '.join(_KINDS)}"
        if USAGE not in entry.accounts:
            yield f"accounts.{USAGE}: is missing; the kinds that are left out are posted to the account of `{USAGE}`"


def _texts(entry: _Issuing | _Company | _Centre) -> Iterator[tuple[str, str]]:
    """What is printed into the files, by its place."""
    match entry:
        case _Issuing():
            needed = {"receivable": entry.receivable, "recovery.account": entry.recovery.account}
            named = {
                "accruedReceivable": entry.accrued_receivable,
                "recovery.objectType": entry.recovery.object_type,
                "recovery.object": entry.recovery.object,
                "markupAccount": entry.markup_account,
            }
        case _Company():
            needed, named = {"payable": entry.payable}, {"accruedPayable": entry.accrued_payable}
        case _Centre():
            accounts = {f"accounts.{kind}": account for kind, account in entry.accounts.items()}
            needed = {"objectType": entry.object_type, "object": entry.object, **accounts}
            named = {"taxCode": entry.tax_code}
    # An empty text that is needed is a fault like a padded one.
    yield from ((name, text or " ") for name, text in needed.items())
    yield from named.items()


def _smallest_faults(amounts: Mapping[str, Any]) -> Iterator[str]:
    for currency, amount in amounts.items():
        if fault := currency_fault(currency):
            yield f"smallestAmount.{currency}: {fault}"
        elif not is_decimal(amount, places=minor_unit_decimals(currency)):
            yield (
                f"smallestAmount.{currency}: {amount!r} is not a quoted decimal of at most"
                f' {minor_unit_decimals(currency)} places, such as "5"'
            )


def _order_faults(
    issuing: list[tuple[str, IssuingEntity]], companies: list[tuple[str, ReceivingCompany]], centres: list[Placed]
) -> Iterator[str]:
    """Entries for the same thing that overlap, and times between them in which there is none."""
    paths = {path: [one.effective for _, one in centres if one.cost_centre == path] for _, path in _paths(centres)}
    above = {path: [time for each in ancestors(path) for time in paths.get(each, ())] for path in paths}
    yield from _sequence_faults([(place, "issuing", one.effective) for place, one in issuing], {})
    yield from _sequence_faults([(place, one.company, one.effective) for place, one in companies], {})
    yield from _sequence_faults([(place, one.cost_centre, one.effective) for place, one in centres], above)


def _paths(centres: list[Placed]) -> Iterator[tuple[str, str]]:
    return ((place, one.cost_centre) for place, one in centres)


def _sequence_faults(entries: list[tuple[str, str, Effective]], above: Mapping[str, list[Effective]]) -> Iterator[str]:
    latest: dict[str, tuple[str, Effective]] = {}
    for place, name, time in sorted(entries, key=lambda each: each[2].first):
        before = latest.get(name)
        if before and before[1].after > time.first:
            yield f"{place}.effectiveFrom: {name!r} overlaps {before[0]}: give that one an effectiveTo"
        elif before and before[1].after < time.first:
            gap = Effective(before[1].end, time.start)
            if not gap.is_covered_by(above.get(name, ())):
                yield (
                    f"{place}.effectiveFrom: {name!r} has no entry between {hour_name(gap.first)}, where {before[0]}"
                    f" ends, and {hour_name(gap.after)}: what is charged in between could not be posted"
                )
        latest[name] = (place, time)


def _company_faults(
    issuing: list[tuple[str, IssuingEntity]], companies: list[tuple[str, ReceivingCompany]], centres: list[Placed]
) -> Iterator[str]:
    if not issuing:
        yield "issuing: names no company that charges the others"
    charged: list[IssuingEntity | ReceivingCompany] = [*(one for _, one in issuing), *(one for _, one in companies)]
    for place, centre in centres:
        times = [one.effective for one in charged if one.company == centre.company]
        if not centre.effective.is_covered_by(times):
            yield (
                f"{place}.companyCode: {centre.company!r} is not always the issuing company or under `companies` while"
                f" this is effective ({centre.effective}): add its payable account there"
            )


def _centre_faults(centres: list[Placed], known: set[str]) -> Iterator[str]:
    last: dict[str, Effective] = {}
    for _, one in centres:
        last[one.cost_centre] = max(
            last.get(one.cost_centre, one.effective), one.effective, key=lambda time: time.after
        )
    for place, one in centres:
        if one.cost_centre not in known:
            yield f"{place}.costCentre: {one.cost_centre!r} is not in cost-centres.yaml"
        if not one.successor:
            continue
        if one.successor not in last:
            yield f"{place}.successor: {one.successor!r} has no entry here"
        elif one.effective.end is None:
            yield f"{place}.successor: this entry has no effectiveTo, so nobody follows it"
        elif last[one.successor].after <= one.effective.after:
            yield f"{place}.successor: the entries of {one.successor!r} do not last longer than this one"
