"""Who may approve a billing period and who may close it then, and when an approval no longer counts.

An approval is of certain charges: whatever changes these afterwards, takes it away. Names without an id are what people
say of themselves, so two that may be one person are treated as one.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import permutations, product

import msgspec

from chargeback.domain.access.requester import recorded_identity, recorded_name
from chargeback.domain.time.months import Month


class Approval(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody's approval of the charges of a period.

    Attributes:
        period: YYYY-MM.
        by: who approved it.
        at: UTC.
        charges_sha256: identifies the file with the exact rows, as the approved draft has it.
        totals: cost by currency, as the draft prints it.
        version: name of the stored configuration that the draft was made with.
        reason: what the approver had to say; may be empty.
        lapsed: why it no longer counts; empty while it does.
    """

    period: Month
    by: str
    at: datetime
    charges_sha256: str
    totals: dict[str, str]
    version: str
    reason: str = ""
    lapsed: str = ""


def is_same_person(one: str, other: str) -> bool:
    """Whether two names may stand for one person: `Ann Lee`, `ann.lee@example.com`, `LEE, Ánn`, `alee` and `ann` do.

    Two that were verified are compared by their ids. For a name that somebody merely gave, as before there were ids:
    case, accents, order, what divides the words, invisible characters and the domain of an address make no difference,
    an initial stands for a name that begins with it, and words that only one of them has are left aside.
    """
    if (identity := recorded_identity(one)) and (another := recorded_identity(other)):
        return identity == another
    few, many = sorted((_words(recorded_name(one)), _words(recorded_name(other))), key=len)
    if not few:
        return one.strip() == other.strip()
    if len(few) == 1 and few[0] in _written_as_one(many):
        return True
    left = list(many)
    for word in sorted(few, key=len, reverse=True):
        fitting = [each for each in left if _fit(word, each)]
        if not fitting:
            return False
        left.remove(max(fitting, key=lambda each: (each == word, len(each))))
    return True


def name_fault(name: str) -> str:
    """What keeps a name from standing for a person who approves; empty where nothing does."""
    if recorded_identity(name):
        return ""
    letters = [letter for letter in name if letter.isalpha()]
    if not letters:
        return f"{name!r} is not the name of a person"
    if any(unicodedata.category(letter) in _UNSEEN for letter in name):
        return f"{name!r} has characters that nobody sees, so that it may look like another name"
    scripts = {unicodedata.name(letter, "?").partition(" ")[0] for letter in letters}
    if len(scripts) > 1 and scripts & {"LATIN", "CYRILLIC", "GREEK", "FULLWIDTH", "MATHEMATICAL"}:
        return f"{name!r} mixes letters of several scripts, so that it may look like another name"
    return ""


def approver_faults(by: str, doers: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Why somebody may not approve a period: they made its figures. `doers`: person → what they did to them."""
    for doer, deeds in doers.items():
        if is_same_person(by, doer):
            named = f" as {doer}" if doer != by else ""
            yield f"{by}{named} {'; '.join(deeds)}: somebody else has to approve, by a name that is not like it"


def closing_faults(
    approval: Approval | None, closer: str | None, doers: Mapping[str, Sequence[str]], *, remedy: str
) -> Iterator[str]:
    """Why a period that has to be approved may not close. `closer`: None for the timer; `remedy`: how to approve."""
    if approval is None:
        yield f"nobody has approved it; {remedy}"
        return
    if approval.lapsed:
        yield f"the approval of {approval.by} no longer counts: {approval.lapsed}; {remedy}"
        return
    for fault in approver_faults(approval.by, doers):
        yield f"the approval does not count: {fault}; {remedy}"
    if closer is not None and is_same_person(closer, approval.by):
        yield f"{approval.by} approved it, and whoever approves does not close: somebody else or the timer does"


def stale_reason(approval: Approval, charges_sha256: str, totals: Mapping[str, str]) -> str:
    """Why an approval is not of these charges; empty where it is."""
    if approval.charges_sha256 == charges_sha256:
        return ""
    before, now = _said(approval.totals), _said(totals)
    moved = f"approved were {before}, now they are {now}" if before != now else f"their sum is still {now}"
    return f"the charges changed since {approval.at:%Y-%m-%d %H:%M} UTC: {moved}"


_UNSEEN = ("Cc", "Cf", "Co", "Cn")
"""Categories of characters that are not printed."""
_MOST_WORDS = 4
"""Only the first words of a longer name are tried as one."""


def _written_as_one(words: Sequence[str]) -> set[str]:
    """How a name may be written as one word, as in `annlee`, `leea` or `alee`: at least one of its words is whole."""
    found = set()
    for order in permutations(words[:_MOST_WORDS]):
        for whole in product((True, False), repeat=len(order)):
            if any(whole):
                parts = zip(order, whole, strict=True)
                found.add("".join(word if is_whole else word[0] for word, is_whole in parts))
    return found


def _words(name: str) -> list[str]:
    before_domain = name.partition("@")[0] if " " not in name.strip() else name
    apart = unicodedata.normalize("NFKD", before_domain.casefold())
    seen = (letter for letter in apart if unicodedata.category(letter) not in _UNSEEN)
    plain = "".join(letter for letter in seen if not unicodedata.combining(letter))
    divided = "".join(letter if letter.isalnum() else " " for letter in plain.casefold())
    return divided.split()


def _fit(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) == 1 and one[0] == other[0])


def _said(totals: Mapping[str, str]) -> str:
    return " and ".join(f"{amount} {currency}" for currency, amount in sorted(totals.items())) or "nothing"
