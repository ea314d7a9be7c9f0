"""How two catalogues differ, and which hours of usage have to be rated or allocated again because of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.prices import Dated, Price, PriceKey, price_at
from chargeback.domain.deployments.deployment import Deployment
from chargeback.domain.money.exact import to_text
from chargeback.domain.time.days import UtcDay, start_of
from chargeback.domain.time.effective import ALWAYS, Effective, between, edges, hull

ADDED = "added"
DEPLOYMENT = "deployment"


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A key has another price than before for some time, for one cost centre or for all; None = no price."""

    key: PriceKey
    time: Effective
    old: Price | None
    new: Price | None
    payer: str = ""

    @property
    def is_rating(self) -> bool:
        """Whether it decides what usage costs."""
        return True

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return ADDED if self.old is None else "removed" if self.new is None else "changed"

    def __str__(self) -> str:
        what, before, after = "/".join(filter(None, self.key)), _amounts(self.old), _amounts(self.new)
        step = f"{before} → {after}" if before != after else f"{after} by another entry"
        return f"{what}{f' for {self.payer}' if self.payer else ''}: {step}, {self.time.in_hours()}"


@dataclass(frozen=True, slots=True)
class OtherChange:
    """Anything except a price that is new, gone or different; usage of its time is rated or allocated again."""

    what: str
    name: str
    kind: str
    time: Effective | None

    @property
    def is_rating(self) -> bool:
        """Whether it decides what usage costs, and not only who pays."""
        return self.what == DEPLOYMENT

    def __str__(self) -> str:
        return f"{self.what} {self.name} {self.kind}"


@dataclass(frozen=True, slots=True)
class CatalogueChanges:
    """All differences between two catalogues."""

    prices: tuple[PriceChange, ...]
    others: tuple[OtherChange, ...]

    @property
    def every(self) -> tuple[PriceChange | OtherChange, ...]:
        """Prices first."""
        return *self.prices, *self.others

    def touch(self, day: UtcDay) -> bool:
        """Whether any hour of a UTC day (YYYY-MM-DD) is rated or allocated differently."""
        return _any_within(self.every, day)

    def fill(self, day: UtcDay) -> bool:
        """Whether usage of the day that had no price or no deployment may have one now."""
        return _any_within((each for each in self.every if each.kind == ADDED and each.is_rating), day)


def changes(old: Catalogue, new: Catalogue) -> CatalogueChanges:
    """How `new` differs from `old`."""
    own = {payer: _keys(old, payer) | _keys(new, payer) for payer in (*old.payers.prices, *new.payers.prices)}
    return CatalogueChanges(
        prices=tuple(
            replace(change, payer=payer)
            for payer, keys in {"": {*old.prices, *new.prices}, **dict(sorted(own.items()))}.items()
            for key in sorted(keys)
            if (before := _dated(old, payer, key)) != (after := _dated(new, payer, key))
            for change in _price_changes(key, before, after)
        ),
        others=tuple(_other_changes(old, new)),
    )


def _keys(catalogue: Catalogue, payer: str) -> set[PriceKey]:
    return {*catalogue.payers.prices.get(payer, {})}


def _dated(catalogue: Catalogue, payer: str, key: PriceKey) -> Dated:
    own = catalogue.payers.prices.get(catalogue.payers.group(payer), {})
    return own.get(key) or catalogue.prices.get(key, ())


def _any_within(every: Iterable[PriceChange | OtherChange], day: UtcDay) -> bool:
    start = start_of(day)
    whole = Effective(start, start + timedelta(days=1))
    return any(each.time.overlaps(whole) for each in every if each.time is not None)


def _price_changes(key: PriceKey, old: Dated, new: Dated) -> Iterator[PriceChange]:
    """The spans in which the price differs, each as long as possible."""
    pending: PriceChange | None = None
    for time in between([*edges(price.effective for price in (*old, *new)), None]):
        change = PriceChange(key, time, price_at(old, time.first), price_at(new, time.first))
        if pending and (pending.old, pending.new) == (change.old, change.new):
            change = PriceChange(key, Effective(pending.time.start, time.end), change.old, change.new)
        elif pending and _differs(pending):
            yield pending
        pending = change
    if pending and _differs(pending):
        yield pending


def _differs(change: PriceChange) -> bool:
    """Whether records would differ; the wording of a source is not on any record."""
    return _on_record(change.old) != _on_record(change.new)


def _on_record(price: Price | None) -> tuple[Any, ...]:
    if price is None:
        return ()
    amounts = price.list_per_million, price.contracted_per_million, price.per_million
    return price.price_id, price.currency, *amounts


def _other_changes(old: Catalogue, new: Catalogue) -> Iterator[OtherChange]:
    before, after = ({rule.id: rule for rule in each.allocation.rules} for each in (old, new))
    for name, kind in named_changes(before, after):
        yield OtherChange("rule", name, kind, hull(rules[name].effective for rules in (before, after) if name in rules))
    if [name for name in before if name in after] != [name for name in after if name in before]:
        yield OtherChange("rules", "(the first that matches wins)", "reordered", ALWAYS)
    yield from _deployment_changes(old, new)
    for model in _verified_otherwise(old, new):
        # No record says how its prices are known: the files do, when a month is published.
        yield OtherChange("verification of the prices of", model or "every model", "changed", None)
    for what, view, time in _VIEWS:
        yield from (OtherChange(what, name, kind, time) for name, kind in named_changes(view(old), view(new)))


def _verified_otherwise(old: Catalogue, new: Catalogue) -> list[str]:
    """The models of which a price is known in another way than before."""
    before = {price.price_id: price.verified for _, price in old.every_price()}
    return sorted(
        {key.model for key, price in new.every_price() if before.get(price.price_id, price.verified) != price.verified}
    )


def _deployment_changes(old: Catalogue, new: Catalogue) -> Iterator[OtherChange]:
    """Each name that stands for another deployment for some time, with the first and the last moment of that time."""
    found: dict[tuple[str, str], list[Effective]] = {}
    for time in _common_times(old, new):
        before, after = (_names(each.deployments_at(time.first)) for each in (old, new))
        for name, kind in named_changes(before, after):
            found.setdefault((name, kind), []).append(time)
    for (name, kind), times in sorted(found.items()):
        yield OtherChange(DEPLOYMENT, name, kind, hull(times))


def _common_times(old: Catalogue, new: Catalogue) -> Iterator[Effective]:
    """The times between all moments at which either catalogue has another deployment."""
    return between([None, *sorted({*old.deployment_edges, *new.deployment_edges}), None])


def _names(deployments: Mapping[str, Mapping[str, Deployment]]) -> dict[str, Deployment]:
    return {f"{each.account}/{each.name}": each for names in deployments.values() for each in names.values()}


def rewritten(old: Catalogue, new: Catalogue, now: datetime) -> list[str]:
    """Deployments that `new` changes or removes without saying, in its dated list, what they were until now.

    Whoever recreates or removes a deployment seldom thinks of the usage that it had: it would be rated as what the name
    is now, or will be. An account that is gone as a whole leaves its usage unpriced, which nobody overlooks.
    """
    said = {(each.deployment.account.casefold(), each.deployment.name.casefold()) for each in new.dated}
    return [
        change.name
        for change in _deployment_changes(old, new)
        if change.kind != ADDED
        and change.time is not None
        and change.time.first < now
        and (key := _account_and_name(change.name)) not in said
        and new.account(key[0])
    ]


def _account_and_name(name: str) -> tuple[str, str]:
    account, _, deployment = name.casefold().partition("/")
    return account, deployment


def named_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and kind of change."""
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield name, ADDED if name not in old else "removed" if name not in new else "changed"


def _settings(catalogue: Catalogue) -> dict[str, Any]:
    return {"currency of the rate card": catalogue.currency, "books": catalogue.calendar.rows()}


def _centres(catalogue: Catalogue) -> dict[str, Any]:
    return {centre.path: centre for centre in catalogue.allocation.centres}


def _markups(catalogue: Catalogue) -> dict[str, Any]:
    return {each.id: each for each in catalogue.payers.shared}


def _hosting(catalogue: Catalogue) -> dict[str, Any]:
    return {rate.rate_id: rate for rates in catalogue.hosting.values() for rate in rates}


_VIEWS: tuple[tuple[str, Callable[[Catalogue], dict[str, Any]], Effective | None], ...] = (
    ("setting", _settings, ALWAYS),
    # Names of centres and rates of hosting are on no record.
    ("cost centre", _centres, None),
    ("hosting rate", _hosting, None),
    ("markup on shared costs", _markups, None),
)


def _amounts(price: Price | None) -> str:
    if price is None:
        return "none"
    billed, contracted, listed = map(to_text, (price.per_million, price.contracted_per_million, price.list_per_million))
    return billed if billed == contracted == listed else f"{billed} (list {listed}, contracted {contracted})"
