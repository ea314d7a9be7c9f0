"""The lines that a person reads after applying a configuration: what changed, and which days are rated again."""

from collections import Counter
from collections.abc import Iterator

from chargeback.services.configuring.apply_config import Brought


def outcome_lines(brought: Brought, terms: str) -> Iterator[str]:
    """The lines; `terms` is the digest of the terms that were brought."""
    applied, changed, repost = brought.applied, brought.catalogue, brought.repost
    if not applied.changed:
        yield f"already in force: {applied.after[:12]}"
    elif applied.before == applied.after:
        yield f"in force with other terms: {applied.after[:12]}, terms {terms[:12]}"
    else:
        yield f"in force: {applied.after[:12]}, before: {(applied.before or 'the deployed files')[:18]}"
    kinds = Counter(each.kind for each in changed.prices)
    if kinds:
        yield "prices: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    yield from (f"  {change}" for change in (*changed.every, *brought.terms))
    if gone := [each.name for each in changed.others if (each.what, each.kind) == ("cost centre", "removed")]:
        yield (
            f"no longer in the tree: {', '.join(gone)}; reports show what they spent under their paths."
            " With an effectiveTo instead, their past keeps its name"
        )
    if repost.posted:
        yield f"rated again by the next posting: {', '.join(repost.posted)}"
    if repost.audited:
        yield f"marked, rated again by the next audit: {', '.join(repost.audited)}"
    for period in repost.closed:
        yield (
            f"{period} is closed: what was rated there stays as it is, and usage without a price becomes a correction"
            f" when it gets one. Where it was billed wrongly: chargeback periods correct {period}"
        )
