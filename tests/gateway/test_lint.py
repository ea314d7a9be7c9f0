"""The repository's policies pass the linter; each of our own rules finds what breaks it."""

import shutil
from pathlib import Path

import pytest

from chargeback.adapters.config.folders import path_of
from stack.example import EXAMPLE_CONFIG
from stack.gateway.lint import lint

ROOT = Path(__file__).parents[2]
HEAD = "<!-- Purpose: x Reads: stream Writes: a, v Fails how: x -->"
USAGE = """<fragment>
    <send-one-way-request><set-url>{{usage-topic-endpoint}}</set-url></send-one-way-request>
</fragment>"""
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
    return [str(fault) for fault in lint(policies, EXAMPLE_CONFIG)[0]]


def test_the_repositorys_policies_pass() -> None:
    assert lint(ROOT / "apim-policies", EXAMPLE_CONFIG) == ([], [])


def test_a_minimal_document_passes(tmp_path: Path) -> None:
    guarded = f"""{INCLUDE}<choose><when condition='@(!context.Variables.ContainsKey("stream"))'>
    <set-variable name="a" value="@({BODY})" /></when></choose>"""

    assert found(write(tmp_path, outbound=guarded)) == []


UNBUFFERED = '<retry count="1" interval="0" condition="@(true)"><forward-request timeout="9" /></retry>'
MATCH = "<set-variable name=\"a\" value='@(Regex.IsMatch(context.Request.Method, {}))' />"
LOOKUP = '<cache-lookup-value key="k" variable-name="v" />'
STORE = '<cache-store-value key="k" value="v" duration="9" />'
CORS = """<cors terminate-unmatched-request="{}"><allowed-origins><origin>https://app.test</origin></allowed-origins>
</cors>"""
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
        ({"outbound": INCLUDE + "\n" + VARIABLE.format(BODY)}, 8, "without asking whether it is a stream"),
        ({"inbound": MATCH.format('"(a[^b]+)*c"')}, 3, "repeats without end inside a repeat"),
        ({"inbound": MATCH.format('"[0-9]+x"')}, 3, "is slow on 64 KB of '0'"),
        ({"inbound": MATCH.format('context.Request.Method')}, 3, "must be a literal"),
        ({"inbound": LOOKUP + "\n" + LOOKUP}, 4, '<cache-lookup-value> may stand once in <inbound>'),
        ({"outbound": INCLUDE + STORE + "\n" + STORE}, 8, '<cache-store-value> may stand once in <outbound>'),
        ({"inbound": VARIABLE.format("1") + "\n" + CORS.format("false")}, 4, "<cors> must be the first policy"),
        ({"inbound": CORS.format("false").replace('terminate-unmatched-request="false"', "")}, 3, "<cors> must say"),
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


def test_cached_values_that_can_be_done_without_may_be_more(tmp_path: Path) -> None:
    losable = LOOKUP.replace("key=", 'id="losable-second" key=')
    policies = write(tmp_path, inbound=LOOKUP + losable)

    assert found(policies) == []


def test_a_lookup_in_a_fragment_must_be_one_that_can_be_done_without(tmp_path: Path) -> None:
    policies = write(tmp_path, inbound='<include-fragment fragment-id="known" />')
    (policies / "fragments" / "known.xml").write_text(f"{HEAD}\n<fragment>{LOOKUP}</fragment>")

    assert ["and a lookup in no fragment" in fault for fault in found(policies)] == [True]


@pytest.mark.parametrize(
    "pattern",
    [
        '"^[0-9]{4}-[0-9]{2}"',
        '@"""data""\\s*:\\s*\\["',
        '"(?:\\r?\\n[^\\r\\n]{1,256}){0,2}" + "x"',
        '"^(?&lt;first&gt;[a-z]+)(?=b)"',
    ],
)
def test_a_regular_expression_that_is_quick_passes(tmp_path: Path, pattern: str) -> None:
    assert found(write(tmp_path, inbound=MATCH.format(pattern))) == []


def test_a_pattern_in_a_variable_is_found(tmp_path: Path) -> None:
    code = 'var pattern = "(a+)+b"; return Regex.IsMatch(context.Request.Method, pattern);'
    policies = write(tmp_path, inbound=f"<set-variable name='a' value='@{{ {code} }}' />")

    assert ["repeats without end inside a repeat" in fault for fault in found(policies)] == [True]


def test_an_operation_with_the_method_options_is_named(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config")
    text = path_of(tmp_path / "config", "gateway.yaml").read_text("utf-8")
    first = "  operations:\n"
    assert first in text
    added = '    - {id: asks, name: Asks, method: OPTIONS, urlTemplate: "/*"}\n'
    path_of(tmp_path / "config", "gateway.yaml").write_text(text.replace(first, first + added), "utf-8")

    faults = lint(ROOT / "apim-policies", tmp_path / "config")[0]

    assert ["operation 'asks' may not have the method OPTIONS" in str(fault) for fault in faults] == [True]


def test_a_document_without_its_heading_is_named(tmp_path: Path) -> None:
    policies = write(tmp_path)
    (policies / "fragments" / "usage.xml").write_text(f"<!-- Purpose: x Reads: x -->{USAGE}")

    assert found(policies) == ["apim-policies/fragments/usage.xml:1: the header comment lacks Writes:, Fails how:"]


def test_a_variable_that_the_header_does_not_list_is_named(tmp_path: Path) -> None:
    code = 'context.Variables.ContainsKey("unlisted") ? 1 : 2'
    policies = write(tmp_path, inbound=f"<set-variable name='kept' value='@({code})' />")

    assert found(policies) == [
        "apim-policies/api.xml:3: the header must list the variable 'kept' under Writes",
        "apim-policies/api.xml:3: the header must list the variable 'unlisted' under Reads",
    ]


def test_a_line_that_is_too_long_is_named(tmp_path: Path) -> None:
    policies = write(tmp_path, inbound=f"<!-- {'x' * 112} -->\n<!-- {'x' * 111} -->")

    assert found(policies) == ["apim-policies/api.xml:3: the line has 121 characters; break it at 120"]
