"""Turns a question about costs into SQL over the files of views; whose rows may be seen is a part of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from chargeback.domain.access.requester import Identity, RowScope
from chargeback.domain.costs.cost_query import CostQuery, Granularity
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.time.months import Month, dates_of
from chargeback.services.costs.grains import GRAINS, KEYS, Grain

USER = "CASE WHEN user_object_id = '' THEN user_name ELSE user_object_id END"

_COLUMNS: Final[Mapping[Dimension, tuple[str, ...]]] = {
    Dimension.USER: ("user_object_id", "user_name"),
    **{each: (each.value,) for each in Dimension if each is not Dimension.USER},
}


@dataclass(slots=True)
class Condition:
    """Which rows are read: SQL, the columns that it looks at, and the person whose rows these are, if it is one."""

    sql: str
    columns: frozenset[str]
    object_id: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """Files that are read in one way.

    Attributes:
        grain: which file of each of the months, or which files.
        condition: in SQL.
        months: whose files.
        side: which of two questions it is for, where both are answered together.
        object_id: the verified person whose rows these are; empty where they are those of several.
    """

    grain: Grain
    condition: str
    months: tuple[Month, ...]
    side: str = ""
    object_id: str = ""

    @property
    def files(self) -> list[tuple[Month, str]]:
        """The month and the name of each file."""
        return [(month, name) for month in self.months for name in self.grain.files_of(self.object_id)]


@dataclass(slots=True)
class ReadingPlan:
    """What is read for a question.

    Attributes:
        reads: together they have every row that is asked for, each once; none where nobody may see any.
        values: those of the SQL.
    """

    reads: list[Read] = field(default_factory=list)
    values: dict[str, object] = field(default_factory=dict)

    def bind(self, value: object) -> str:
        """A name in SQL for a value."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"${name}"


def plan_reads(
    query: CostQuery,
    scope: RowScope,
    months: Sequence[Month],
    columns: Sequence[str],
    plan: ReadingPlan | None = None,
    side: str = "",
) -> ReadingPlan:
    """What has to be read of these months; `columns`: keys that are needed in addition to those of the conditions.

    It is added to a plan, if there is one already.
    """
    plan = plan or ReadingPlan()
    asked = list(_filters(query, plan))
    touched = {*query.months}
    for branch in _branches(scope, plan):
        conditions = [*asked, *branch]
        needed = {*columns, *(column for each in conditions for column in each.columns)}
        sql = " AND ".join(each.sql for each in conditions) or "true"
        is_own = any("user_object_id" in each.columns for each in conditions)
        reads = _reads(query, [each for each in months if each in touched], needed, sql, plan, by_people=is_own)
        own = next((each.object_id for each in conditions if each.object_id), "")
        plan.reads += [replace(each, side=side, object_id=own) for each in reads]
    return plan


def columns_of(dimensions: Sequence[Dimension]) -> tuple[str, ...]:
    """The columns of a view that dimensions are read from."""
    return tuple(column for each in dimensions for column in _COLUMNS[each])


def expression_of(dimension: Dimension, levels: int = 0) -> str:
    """A dimension in SQL."""
    if dimension is Dimension.USER:
        return USER
    if dimension is Dimension.COST_CENTRE and levels == 1:  # of the overview; quicker than a list
        return "split_part(cost_centre, '/', 1)"
    if dimension is Dimension.COST_CENTRE and levels:
        return f"array_to_string(string_split(cost_centre, '/')[:{levels:d}], '/')"
    return dimension.value


def _reads(
    query: CostQuery, months: Sequence[Month], needed: set[str], sql: str, plan: ReadingPlan, *, by_people: bool
) -> Iterator[Read]:
    """Whole months are read from files without dates where these are not asked for."""
    whole = [month for month in months if _is_whole(query, month)]
    partial = [month for month in months if month not in whole]
    groups = ((whole, query.granularity is Granularity.DAY, sql), (partial, True, f"{sql} AND {_span(query, plan)}"))
    for some, is_by_date, condition in groups:
        if some:
            grain = choose_grain(needed | ({"date"} if is_by_date else set()), by_people=by_people)
            if query.granularity is Granularity.MONTH:  # each is told apart by what it is read from
                yield from (Read(grain, condition, (month,)) for month in some)
            else:
                yield Read(grain, condition, tuple(some))


def choose_grain(needed: set[str], *, by_people: bool = False) -> Grain:
    """The coarsest that has some columns; `by_people`: conditions are about people, not about cost centres."""
    able = [grain for grain in GRAINS if needed <= {*grain.keys}]
    sorted_so = [grain for grain in able if ("user_object_id" in grain.order) == by_people]
    assert able, f"no grain has {needed - {*KEYS}}"
    return (sorted_so or able)[0]


def _is_whole(query: CostQuery, month: Month) -> bool:
    dates = dates_of(month)
    return query.first <= dates[0] and dates[-1] <= query.last


def _span(query: CostQuery, plan: ReadingPlan) -> str:
    first, last = plan.bind(query.first), plan.bind(query.last)
    return f"date BETWEEN CAST({first} AS DATE) AND CAST({last} AS DATE)"


def _filters(query: CostQuery, plan: ReadingPlan) -> Iterator[Condition]:
    for dimension, values in query.filters.items():
        columns = frozenset(_COLUMNS[dimension])
        if dimension is Dimension.COST_CENTRE:
            yield Condition(_below(values, plan), columns)
        else:
            yield Condition(_one_of(_COLUMNS[dimension], values, plan), columns)


def _one_of(columns: Sequence[str], values: Sequence[str], plan: ReadingPlan) -> str:
    """One of the columns has one of the values; an empty one: all of them are empty."""
    listed = ", ".join(plan.bind(value) for value in values if value)
    parts = [f"{column} IN ({listed})" for column in columns if listed]
    if "" in values:
        absent = " AND ".join(f"{column} = ''" for column in columns)
        parts.append(f"({absent})")
    return f"({' OR '.join(parts)})"


def _branches(scope: RowScope, plan: ReadingPlan) -> Iterator[list[Condition]]:
    """The parts of what may be seen, which have no row in common."""
    if scope.everything:
        yield []
        return
    centres = _below(sorted(scope.cost_centres), plan) if scope.cost_centres else ""
    if centres:
        yield [Condition(centres, frozenset({"cost_centre"}))]
    own = _own(scope.own, plan) if scope.own else None
    if own:
        yield [own, *([Condition(f"NOT {centres}", frozenset({"cost_centre"}))] if centres else [])]


def _below(paths: Sequence[str], plan: ReadingPlan) -> str:
    """Cost centres with all below them; `0` comes right after `/`, so this is a span of strings."""
    parts = []
    for path in paths:
        exact, first, after = plan.bind(path), plan.bind(f"{path}/"), plan.bind(f"{path}0")
        parts.append(f"cost_centre = {exact} OR (cost_centre >= {first} AND cost_centre < {after})")
    return f"({' OR '.join(parts)})"


def _own(identity: Identity, plan: ReadingPlan) -> Condition | None:
    """The rows of an identity; one without a tenant or a name of its own has none."""
    column = "user_object_id" if identity.object_id else "app_id"
    name = identity.object_id or identity.app_id
    if not (identity.tenant_id and name):
        return None
    tenant, own = plan.bind(identity.tenant_id), plan.bind(name)
    return Condition(
        f"(tenant_id = {tenant} AND {column} = {own})",
        frozenset({"tenant_id", column, "user_object_id"}),
        identity.object_id,
    )
