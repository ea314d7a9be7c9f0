"""Writes the SQL that tells which rows have no string that needs quotes or an apostrophe in a CSV."""

from collections.abc import Iterable

from chargeback.domain.reports.manifest import CARE, CARE_AT_START
from chargeback.services.duck.statements import column_list, quoted


def plain_test(columns: Iterable[str]) -> dict[str, str]:
    """Words for a statement: `joined`, all strings of a row in one, and `is_plain`, which looks at a column `joined`.

    One look at all strings takes less time than one at each. Known characters are found several times as fast as any
    of a class is by an expression, and so is an expression that begins with a known one.
    """
    found = [f"contains(joined, {quoted(each)})" for each in CARE]
    return {
        "joined": f"concat_ws(chr(31), '', {column_list(columns)})",
        "is_plain": f"NOT ({' OR '.join(found)} OR regexp_matches(joined, {quoted(CARE_AT_START)}))",
    }
