"""What a page shows and what its forms send, read from its HTML as a browser without scripts would."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser

_EMPTY = {"meta", "link", "input", "img", "br", "hr"}
_SPACES = {"\N{NARROW NO-BREAK SPACE}": "", "\N{GREATER-THAN OR EQUAL TO}": "", "\N{MINUS SIGN}": "-"}


@dataclass
class Element:
    """An element, with the elements and texts in it."""

    tag: str
    attributes: dict[str, str]
    inside: "list[Element | str]" = field(default_factory=list)

    def all(self, *tags: str, **attributes: str) -> "list[Element]":
        """The elements below it with one of some tags and some attributes; `class_` stands for class."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        found = []
        for each in self.inside:
            if isinstance(each, Element):
                if each.tag in tags and all(each.attributes.get(name) == value for name, value in wanted.items()):
                    found.append(each)
                found += each.all(*tags, **attributes)
        return found

    @property
    def text(self) -> str:
        return "".join(each if isinstance(each, str) else each.text for each in self.inside)

    @property
    def words(self) -> str:
        """The text with single spaces; those within a number stay as they are."""
        return " ".join(each for each in self.text.replace("\n", " ").split(" ") if each)

    def link(self, words: str) -> str:
        """Where the link with these words leads."""
        found = {each.attributes["href"] for each in self.all("a") if each.words == words}
        assert len(found) == 1, (words, found, [each.words for each in self.all("a")])
        return found.pop()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(element)
        if tag not in _EMPTY:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _EMPTY:
            assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def shown(html: str) -> Element:
    """A page; fails where its elements are not nested as they should be."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, [each.tag for each in reader.open]
    return reader.open[0]


def sent_by(form: Element) -> list[tuple[str, str]]:
    """What a form sends as it stands."""
    pairs = []
    for each in form.all("input", "select"):
        name = each.attributes.get("name", "")
        if each.tag == "select":
            options = each.all("option")
            chosen = next((option for option in options if "selected" in option.attributes), options[0])
            pairs.append((name, chosen.attributes.get("value", chosen.text)))
        elif name and (each.attributes.get("type") != "checkbox" or "checked" in each.attributes):
            pairs.append((name, each.attributes.get("value", "")))
    return pairs


def table_of(page: Element, place: int = 0) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """The headings, the rows and the totals of a table, as words."""
    table = page.all("table")[place]
    head, body, foot = (
        [[cell.words for cell in row.all("th", "td")] for part in table.all(tag) for row in part.all("tr")]
        for tag in ("thead", "tbody", "tfoot")
    )
    return head[0], body, foot


def figure(words: str) -> Decimal | None:
    """An amount or a number as a page prints it; a dash is none."""
    for character, meant in _SPACES.items():
        words = words.replace(character, meant)
    return None if words.strip() == "\N{EN DASH}" else Decimal(words.strip())
