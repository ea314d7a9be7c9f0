"""Which deployments nobody would pay for: those without any price, and reserved capacity without a shared cost."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.prices import places_of, price_at
from chargeback.domain.deployments.deployment import PROVISIONED, Deployment, DeploymentType
from chargeback.domain.deployments.served_model import ANY
from chargeback.domain.terms.shared_costs import Basis, CostKind, Per, SharedCost, covers
from chargeback.domain.time.effective import Effective, between, hour_name


def unpriced_deployments(catalogue: Catalogue, now: datetime) -> list[Deployment]:
    """The deployments for which no meter has a price at `now`, in the order of the map."""
    priced = {
        (key.model, key.version, key.deployment_type, key.region)
        for key, dated in catalogue.prices.items()
        if price_at(dated, now)
    }
    deployments = (each for names in catalogue.deployments_at(now).values() for each in names.values())
    return [each for each in deployments if each.type not in PROVISIONED and not _covers(priced, each)]


def spans(catalogue: Catalogue) -> Iterator[tuple[Deployment, Effective]]:
    """The whole time in which each deployment stays the same, even where others begin or end meanwhile."""
    held: dict[Deployment, Effective] = {}
    for time in between([None, *catalogue.deployment_edges, None]):
        names = catalogue.deployments_at(time.first)
        found = {each for account in names.values() for each in account.values()}
        yield from ((each, held.pop(each)) for each in [*held] if each not in found)
        held |= {each: Effective(held[each].start if each in held else time.start, time.end) for each in found}
    yield from held.items()


def free_capacity(costs: Sequence[tuple[str, SharedCost]], catalogue: Catalogue) -> Iterator[str]:
    """Provisioned deployments that nobody pays for some time; the costs come with their places.

    A deployment whose beginning nobody has said is asked for from its first cost on. Amounts are entered month by
    month, so the last one has no end.
    """
    for deployment, time in sorted(spans(catalogue), key=lambda each: (each[0].account, each[0].name, each[1].first)):
        if deployment.type not in PROVISIONED:
            continue
        paid = [(place, cost, _paid(cost, catalogue)) for place, cost in costs if covers(cost, deployment)]
        if paid and (fault := _first_gap(deployment, time, sorted(paid, key=lambda each: each[2].first))):
            yield fault


def idle_without_owner(costs: Sequence[SharedCost]) -> Iterator[str]:
    """Provisioned costs whose idle part has no cost centre of its own: whoever used some of them pays for all."""
    for cost in costs:
        if cost.kind is CostKind.PROVISIONED and cost.basis in (Basis.USAGE, Basis.WEIGHTED) and cost.capacity is None:
            yield (
                f"{cost.cost_id}: no capacity is stated, so whoever uses a little of it pays for all that stays idle;"
                " state tokensPerMinute and the cost centre of the idle part"
            )


def _paid(cost: SharedCost, catalogue: Catalogue) -> Effective:
    if cost.per is Per.PERIOD:
        return Effective(catalogue.calendar.bounds(cost.period)[0], None)
    return cost.effective


def _first_gap(deployment: Deployment, time: Effective, paid: Sequence[tuple[str, SharedCost, Effective]]) -> str:
    what = f"the {deployment.type} deployment {deployment.name!r} of {deployment.account!r}"
    place, cost, first = paid[0]
    reached = time.first if time.start else max(time.first, first.first)
    if first.first > reached:
        until = f"its use would be free until {cost.cost_id!r}"
        return f"{place}.effectiveFrom: {what} begins at {hour_name(reached)}: {until}"
    for other_place, other, charged in paid:
        if charged.first > reached:
            break
        if charged.after > reached:
            place, cost, reached = other_place, other, charged.after
    if reached >= time.after:
        return ""
    return f"{place}.effectiveTo: {cost.cost_id!r} ends, and nothing else pays for {what} from {hour_name(reached)} on"


def _covers(priced: set[tuple[str, str, DeploymentType, str]], deployment: Deployment) -> bool:
    return any(
        (deployment.model.casefold(), version, deployment.type, region) in priced
        for version in (deployment.version, ANY)
        for region in places_of(deployment.region)
    )
