"""Decides which reasons can go on the record: short ones that a person can read."""

LONGEST_REASON = 1_000


def reason_fault(reason: str) -> str:
    """What is wrong with a reason; empty where nothing is."""
    is_told = len(reason) <= LONGEST_REASON and reason.isprintable()
    return "" if is_told else f"a reason has {LONGEST_REASON} printable characters at most"
