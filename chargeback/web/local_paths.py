"""Which addresses somebody may be sent back to after signing in: pages of this site, and nothing else."""

from urllib.parse import urlsplit

LONGEST_BACK = 1_500
"""Characters: the way back is kept in a cookie."""

_NOT_BACK_TO = frozenset({"/sign-in", "/signed-in", "/sign-out", "/signed-out", "/welcome"})


def local_path(text: str) -> str:
    """The path and query of a page of this site; the first page for anything else.

    What a browser reads as another host is none: two slashes or backslashes at the beginning, also where a blank or a
    control character stands before or between them (url.spec.whatwg.org, "special authority ignore slashes").
    """
    path, _, query = text.partition("?")
    if not _is_local(path) or path in _NOT_BACK_TO:
        return "/"
    if len(text) > LONGEST_BACK or not _is_plain(query):
        return path if len(path) <= LONGEST_BACK else "/"
    return text


def _is_local(path: str) -> bool:
    begins_once = path.startswith("/") and not path.startswith("//")
    return begins_once and _is_plain(path) and ".." not in path.split("/") and not any(urlsplit(path)[:2])


def _is_plain(text: str) -> bool:
    """Whether text has only what an address has without being read in another way."""
    return all("!" <= letter <= "~" and letter not in "\\#" for letter in text)
