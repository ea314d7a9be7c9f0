"""Reads the forms of a page as a browser does, and sends them with what somebody types."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx


@dataclass
class PageForm:
    """A form that changes something: where it goes, and what it would send as it is."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._form: PageForm | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method") == "post":
            self._form = PageForm(given["action"])
            self.forms.append(self._form)
        if self._form is None:
            return
        name = given.get("name", "")
        if tag == "input" and name and (given.get("type") != "checkbox" or "checked" in given):
            self._form.fields[name] = given.get("value", "on" if given.get("type") == "checkbox" else "")
        if tag == "select":
            self._select = name
        if tag == "option" and self._select:
            is_first = self._select not in self._form.fields
            # Without a value an option sends its text, which follows.
            self._takes_text = "value" not in given and (is_first or "selected" in given)
            if "value" in given and (is_first or "selected" in given):
                self._form.fields[self._select] = given["value"]

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._select and getattr(self, "_takes_text", False):
            self._form.fields[self._select] = data
            self._takes_text = False

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if tag == "select":
            self._select = ""


def forms_of(html: str) -> list[PageForm]:
    """The forms of a page that change something."""
    found = _Forms()
    found.feed(html)
    return found.forms


def form_to(html: str, action: str, having: str = "") -> PageForm:
    """The only form of a page that goes to an address; `having`: and has this field with a value or without."""
    (found,) = [each for each in forms_of(html) if each.action == action and (not having or having in each.fields)]
    return found


async def send(browser: httpx.AsyncClient, form: PageForm, **typed: str) -> httpx.Response:
    """Send a form as it is, but for what is typed; `_` in a name stands for `-`."""
    named = {name.replace("__", "-"): value for name, value in typed.items()}
    return await browser.post(form.action, data={**form.fields, **named})
