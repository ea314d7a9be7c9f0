"""The types of events are spelled in one place; policies and queries, which cannot name its members, spell no other."""

import re
from html import unescape
from pathlib import Path

from chargeback.domain.events.event_types import EventType

ROOT = Path(__file__).parents[3]
PYTHON = [path for folder in ("chargeback", "stack", "scripts") for path in sorted(Path(ROOT, folder).rglob("*.py"))]
HOME = Path(ROOT, "chargeback", "domain", "events", "event_types.py")
NAMED = re.compile(r"chargeback\.usage\.\w+\.v\d+")
ASSIGNED = re.compile(r"\btype = ([^;]*);")


def test_stored_types_never_change_between_versions() -> None:
    assert {*EventType} == {f"chargeback.usage.{word}.v1" for word in ("recorded", "pending", "settled", "rejected")}


def test_python_spells_the_types_in_one_place() -> None:
    assert [path.name for path in PYTHON if path != HOME and NAMED.search(path.read_text())] == []


def test_the_gateway_writes_every_type_and_no_other() -> None:
    policy = unescape(Path(ROOT, "apim-policies", "fragments", "account.xml").read_text())

    words = {word for value in ASSIGNED.findall(policy) for word in re.findall(r'"(\w+)"', value)}

    assert 'new JProperty("type", "chargeback.usage." + type + ".v1")' in policy
    assert {f"chargeback.usage.{word}.v1" for word in words} == {*EventType}


def test_queries_of_the_log_look_for_what_all_types_begin_with() -> None:
    query = Path(ROOT, "scripts", "verify", "queries", "kept.kql").read_text()

    looked_for = set(re.findall(r'"(chargeback\.[^"]*)"', query))

    assert looked_for == {"chargeback.usage."}
    assert all(each.startswith("chargeback.usage.") for each in EventType)
