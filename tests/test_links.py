"""Every link in the documents leads somewhere: to a file of the repository, and to a heading in it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.M)
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)


def documents() -> list[Path]:
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT
    )
    return [ROOT / name for name in listed.decode().split("\0") if name]


def prose(path: Path) -> str:
    return FENCED.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """What GitHub calls the headings of a document."""
    found: dict[str, int] = {}
    names = set()
    for heading in HEADING.findall(prose(path)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        names.add(name if name not in found else f"{name}-{found[name]}")
        found[name] = found.get(name, 0) + 1
    return names


def faults(path: Path) -> Iterator[str]:
    for target in LINK.findall(prose(path)):
        place, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", place):
            continue
        file = path if not place else (path.parent / place).resolve()
        if not file.exists():
            yield f"{path.name}: {target}: there is no such file"
        elif anchor and anchor not in anchors(file):
            yield f"{path.name}: {target}: there is no such heading"


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    paths = documents()

    assert sum(len(LINK.findall(prose(path))) for path in paths) > 50
    assert [fault for path in paths for fault in faults(path)] == []


def test_a_link_to_nothing_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `two`\n[a](#one-two) [b](#three) [c](gone.md) [d](https://example.com/#x)\n```\n[e](f.md)\n```\n"
    )

    assert list(faults(page)) == [
        "page.md: #three: there is no such heading",
        "page.md: gone.md: there is no such file",
    ]
