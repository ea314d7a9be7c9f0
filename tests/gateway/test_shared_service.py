"""In a service that others use, every name of the policies begins with the product's prefix, and none is missed."""

import re
from pathlib import Path

import pytest

from stack.example import ROOT
from stack.gateway.shared_service import publish, publish_metering, read_rules, renamed

POLICIES = ROOT / "apim-policies"
SOURCES = sorted(path for path in POLICIES.rglob("*.xml"))
NAMES = {
    "variable": re.compile(
        r'set-variable name="([^"]+)"|variable-name="([^"]+)"'
        r'|\bVariables(?:\[|\.\w+(?:&lt;\w+(?:&gt;|>))?\()"([^"]+)"'
    ),
    "named value": re.compile(r"\{\{([^}]+)\}\}"),
    "fragment": re.compile(r'fragment-id="([^"]+)"'),
    "cached value": re.compile(r'"((?:chargeback/)?(?:decisions|object|busy)/)"'),
    "listed variable": re.compile(r'"((?:chargeback_)?(?:products|deployments)[0-9])"'),
}
PREFIXES = ("chargeback-", "chargeback_", "chargeback/")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_name_of_a_policy_gets_the_prefix_once(path: Path) -> None:
    text = re.sub(r"<!--.*?-->", "", path.read_text("utf-8"), flags=re.DOTALL)
    removed, *_ = read_rules()["changes"]

    published = renamed(text, read_rules())
    text = text.replace(removed["find"], "")

    for kind, pattern in NAMES.items():
        before = ["".join(groups) for groups in _groups(pattern, text)]
        after = ["".join(groups) for groups in _groups(pattern, published)]
        assert len(before) == len(after), kind
        for name, new in zip(before, after, strict=True):
            assert new.startswith(PREFIXES), (kind, name)
            assert new[len("chargeback-") :] == name


def test_a_backend_is_named_by_the_prefix_and_its_account() -> None:
    forward = renamed((POLICIES / "fragments/forward.xml").read_text("utf-8"), read_rules())

    assert """backend-id='@("chargeback-" + (string)context.Variables["chargeback_account"])'""" in forward


def test_no_fragment_grows_beyond_what_the_service_takes(tmp_path: Path) -> None:
    team = ROOT / "tests/companies/metering_only/team-chat.xml"

    whole = publish(POLICIES, tmp_path / "whole")
    metering = publish_metering(POLICIES, tmp_path / "metering", team)

    assert len(list((whole / "fragments").iterdir())) == len(list((POLICIES / "fragments").iterdir()))
    for path in (*whole.rglob("*.xml"), *metering.rglob("*.xml")):
        assert path.stat().st_size <= 32 * 1024, path.name


def test_metering_never_reads_the_refusal_of_inspect(tmp_path: Path) -> None:
    folder = publish_metering(POLICIES, tmp_path, ROOT / "tests/companies/metering_only/team-chat.xml")

    inspect = (folder / "fragments/chargeback-inspect.xml").read_text("utf-8")
    account = (folder / "fragments/chargeback-account.xml").read_text("utf-8")

    assert '"chargeback_refusal"' not in inspect
    assert '"chargeback_unheeded"' in inspect
    assert '"chargeback_unheeded"' not in account


def _groups(pattern: re.Pattern[str], text: str) -> list[tuple[str, ...]]:
    return [match.groups(default="") for match in pattern.finditer(text)]
