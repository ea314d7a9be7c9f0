"""The tree of cost centres: which path lies above or below another, such as `product/search` below `product`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from chargeback.domain.money.exact import EXACT, ZERO

WHOLE_TREE = ""
"""The root of the tree, which has no name: all cost centres together."""

UNALLOCATED = "unallocated"
"""The explicit remainder: who pays for usage that no rule matches. It is not a path in the tree."""


def ancestors(path: str) -> Iterator[str]:
    """The cost centres above one, the nearest first."""
    while parent := parent_of(path):
        yield parent
        path = parent


def with_ancestors(path: str) -> Iterator[str]:
    """A cost centre and those above it, the nearest first."""
    if path:
        yield path
    yield from ancestors(path)


def parent_of(path: str) -> str:
    """The cost centre right above one; empty for one at the top."""
    return path.rpartition("/")[0]


def level(path: str) -> int:
    """How deep a cost centre lies, from 1 at the top."""
    return path.count("/") + 1


def is_within(path: str, ancestor: str) -> bool:
    """Whether a cost centre is `ancestor` or below it, by whole components: `a/bc` is not within `a/b`."""
    return ancestor in (WHOLE_TREE, path) or path.startswith(f"{ancestor}/")


def below(centres: Sequence[str]) -> dict[str, list[str]]:
    """For each cost centre those below it at any depth, parents before their children, in order of their names."""
    found: dict[str, list[str]] = {centre: [] for centre in centres}
    for centre in sorted(centres, key=lambda path: path.split("/")):
        for ancestor in ancestors(centre):
            if ancestor in found:
                found[ancestor].append(centre)
    return found


def with_below(own: Mapping[str, Decimal], centres: Iterable[str]) -> dict[str, Decimal]:
    """The amounts of these cost centres, each with everything below it."""
    sums = dict.fromkeys(centres, ZERO)
    for centre, amount in own.items():
        for each in with_ancestors(centre):
            if each in sums:
                sums[each] = EXACT.add(sums[each], amount)
    return sums
