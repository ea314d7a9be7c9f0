"""What a page says without a screen: its language, title, headings, links and forms, and what its policy forbids."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise


@dataclass
class PageReading(HTMLParser):
    """A page as it was sent.

    Attributes:
        headings: the level of each, in order.
        links: the addresses that its links lead to.
        faults: what no page may have: styles, scripts or handlers within it, an id twice, a control beside a form.
    """

    title: str = ""
    language: str = ""
    headings: list[int] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._ids: set[str] = set()
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_title = tag == "title"
        self.faults += [f"<{tag} {name}>" for name in given if name == "style" or name.startswith("on")]
        if tag in ("style", "iframe", "base", "object") or (tag == "script" and "src" not in given):
            self.faults.append(f"<{tag}>")
        if (known := given.get("id")) is not None:
            self.faults += [f"two elements have the id {known!r}"] if known in self._ids else []
            self._ids.add(known)
        if tag == "html":
            self.language = given.get("lang", "")
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.headings.append(int(tag[1]))
        if tag == "a":
            self._lead_to(given.get("href", ""))

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data

    def _lead_to(self, address: str) -> None:
        if address.startswith("/") and not address.startswith("//"):
            self.links.append(address.partition("#")[0])
        elif address and not address.startswith(("#", "?", "mailto:")):
            self.faults.append(f"a link leads to {address}")


def read_page(html: str) -> PageReading:
    """Read a page."""
    page = PageReading()
    page.feed(html)
    levels = page.headings
    if levels.count(1) != 1 or levels[0] != 1:
        page.faults.append(f"its headings are of the levels {levels}: one h1 comes first")
    page.faults += [f"an h{two} follows an h{one}" for one, two in pairwise(levels) if two > one + 1]
    if page.language != "en":
        page.faults.append(f"its language is {page.language!r}")
    if not page.title.endswith(" · Chargeback"):
        page.faults.append(f"its title is {page.title!r}")
    return page
