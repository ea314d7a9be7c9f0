"""The repository's policies pass the linter; each of our own rules finds what breaks it."""

from pathlib import Path

import pytest

from scripts.local.gateway.lint import lint

ROOT = Path(__file__).parents[2]
HEAD = "<!-- Purpose: x Reads: x Writes: x Fails how: x -->"
USAGE = (
    """<fragment><send-one-way-request><set-url>{{usage-topic-endpoint}}</set-url></send-one-way-request></fragment>"""
)
INCLUDE = '<include-fragment fragment-id="usage" />'
BODY = "context.Response.Body.As&lt;string&gt;(preserveContent: true)"


def write(folder: Path, inbound: str = "", backend: str = "<base />", outbound: str = INCLUDE) -> Path:
    policies = folder / "apim-policies"
    (policies / "fragments").mkdir(parents=True)
    (policies / "fragments" / "usage.xml").write_text(f"{HEAD}\n{USAGE}")
    (policies / "api.xml").write_text(
        f"{HEAD}\n<policies><inbound>\n{inbound}\n</inbound><backend>\n{backend}\n</backend><outbound>\n"
        f"{outbound}\n</outbound><on-error>{INCLUDE}</on-error></policies>"
    )
    return policies


def found(policies: Path) -> list[str]:
    return [str(fault) for fault in lint(policies, ROOT / "config")[0]]


def test_the_repositorys_policies_pass() -> None:
    assert lint(ROOT / "apim-policies", ROOT / "config") == ([], [])


def test_a_minimal_document_passes(tmp_path: Path) -> None:
    guarded = f"""{INCLUDE}<choose><when condition='@(!context.Variables.ContainsKey("stream"))'>
    <set-variable name="a" value="@({BODY})" /></when></choose>"""

    assert found(write(tmp_path, outbound=guarded)) == []


UNBUFFERED = '<retry count="1" interval="0" condition="@(true)"><forward-request timeout="9" /></retry>'
VARIABLE = "<set-variable name=\"a\" value='@({})' />"


@pytest.mark.parametrize(
    ("parts", "line", "reason"),
    [
        ({"inbound": VARIABLE.format("context.Request.Body.As&lt;string&gt;()")}, 3, "without preserveContent"),
        ({"inbound": VARIABLE.format("context.Subscription.Key")}, 3, "subscription key may not be read"),
        ({"inbound": VARIABLE.format("1 // one&#10;")}, 3, "no // comments"),
        ({"inbound": "<set-body>Ocp-Apim-Subscription-Key</set-body>"}, 3, "may not name the subscription key"),
        ({"backend": '<forward-request timeout="300" />'}, 5, "timeout of at most 240"),
        ({"backend": UNBUFFERED}, 5, "buffer-request-body"),
        ({"outbound": INCLUDE + VARIABLE.format(BODY)}, 7, "without asking whether it is a stream"),
        ({"outbound": ""}, 2, "<outbound> must include the fragment that sends the usage event"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_named_with_its_line(
    tmp_path: Path, parts: dict[str, str], line: int, reason: str
) -> None:
    faults = found(write(tmp_path, **parts))

    assert len(faults) == 1
    assert faults[0].startswith(f"apim-policies/api.xml:{line}: ")
    assert reason in faults[0]


def test_a_document_without_its_heading_is_named(tmp_path: Path) -> None:
    policies = write(tmp_path)
    (policies / "fragments" / "usage.xml").write_text(f"<!-- Purpose: x Reads: x -->{USAGE}")

    assert found(policies) == ["apim-policies/fragments/usage.xml:1: the header comment lacks Writes:, Fails how:"]
