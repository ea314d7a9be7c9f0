"""Reads who charges the cost centres and whom to ask, a section of books.yaml."""

from collections.abc import Iterator

from chargeback.adapters.config.entries import Record, one
from chargeback.domain.terms.issuer import ChargeIssuer

_DEFAULT = ChargeIssuer()
_LONGEST = 200
_MOST_DAYS = 366


class StatedIssuer(Record, frozen=True):
    """The service that charges, as the file says it."""

    name: str = _DEFAULT.name
    contact: str = _DEFAULT.contact
    objection_days: int | None = _DEFAULT.objection_days


def issuer_of(document: object, faults: list[str]) -> ChargeIssuer:
    """The section `issuer` of the books; what it leaves out has its default."""
    found = document.get("issuer") if isinstance(document, dict) else None
    stated = one(found if found is not None else {}, StatedIssuer, "issuer", faults)
    if stated is None:
        return _DEFAULT
    wrong = [f"issuer.{fault}" for fault in _faults(stated)]
    faults.extend(wrong)
    return _DEFAULT if wrong else ChargeIssuer(stated.name, stated.contact, stated.objection_days)


def _faults(stated: StatedIssuer) -> Iterator[str]:
    if not _is_a_line(stated.name):
        yield f"name: {stated.name!r} is not one line of 1 to {_LONGEST} characters"
    if stated.contact and not _is_a_line(stated.contact):
        yield f"contact: {stated.contact!r} is not one line of at most {_LONGEST} characters"
    if stated.objection_days is None:
        return
    if not 1 <= stated.objection_days <= _MOST_DAYS:
        yield f"objectionDays: {stated.objection_days} is not between 1 and {_MOST_DAYS}, the days of a year"
    if not stated.contact:
        yield "objectionDays: nobody is named under contact who could be told of an objection"


def _is_a_line(text: str) -> bool:
    return bool(text.strip()) and len(text) <= _LONGEST and text.isprintable()
