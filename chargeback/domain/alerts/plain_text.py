"""Makes any text safe to show: names come from people and from callers, and no channel may take them for markup."""

import re
import unicodedata

from chargeback.domain.money.numerals import THIN_SPACE

ELLIPSIS = "…"
_MOST_MARKS = 3
"""Accents that one letter may carry; more of them paint over the lines around."""

_BLANKS = re.compile(rf"(?!(?<=\d){THIN_SPACE}\d)\s+")
"""Not the thin space within a number, at which no line may break."""

_ACCENT = "[\\u0300-\\u036f\\u0483-\\u0489\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f]"
_MARKS = re.compile(f"({_ACCENT}{{{_MOST_MARKS}}}){_ACCENT}+")


def plain_text(text: str, most: int) -> str:
    """One line of at most `most` characters, without what nobody sees or what turns the direction of writing.

    An address in it is written with a gap, so that no reader's program makes a link of it.
    """
    # Cut first: the rest of a name of megabytes is not looked at.
    cut = text[: 8 * most]
    visible = "".join(" " if _is_control(each) else each for each in cut if not _is_invisible(each))
    one_line = _BLANKS.sub(" ", _MARKS.sub(r"\1", visible)).strip().replace("://", ": //")
    return clipped(one_line if len(cut) == len(text) else one_line + ELLIPSIS, most)


def clipped(text: str, most: int) -> str:
    """A text, or its beginning with an ellipsis if it is longer."""
    return text if len(text) <= most else text[: most - 1].rstrip() + ELLIPSIS


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc"


def _is_invisible(character: str) -> bool:
    """Format characters, halves of pairs, and code points that nothing is assigned to."""
    return unicodedata.category(character) in ("Cf", "Cs", "Co", "Cn")
