"""What the real gateway refuses is refused here, with file, line and reason."""

from pathlib import Path

import pytest

from stack.gateway.documents import load
from stack.gateway.errors import PolicyFault
from stack.gateway.prepare import prepare
from stack.gateway.run import executable
from stack.gateway.schema import element_rules


def write(folder: Path, inbound: str = "", backend: str = "<base />", outbound: str = "", **fragments: str) -> Path:
    policies = folder / "apim-policies"
    (policies / "fragments").mkdir(parents=True)
    (policies / "api.xml").write_text(
        f"<policies>\n<inbound>\n{inbound}\n</inbound>\n<backend>\n{backend}\n</backend>\n"
        f"<outbound>\n{outbound}\n</outbound>\n</policies>"
    )
    for name, text in fragments.items():
        (policies / "fragments" / f"{name}.xml").write_text(text)
    return policies


def refusals(policies: Path, **named_values: str) -> list[str]:
    with pytest.raises(PolicyFault) as refused:
        prepare(policies, named_values, {"oai-swedencentral"})
    return [str(fault) for fault in refused.value.faults]


DISORDERED = "<send-one-way-request><set-method>POST</set-method><set-url>x</set-url></send-one-way-request>"
CORS = "<cors><allowed-origins><origin>https://app.test</origin></allowed-origins></cors>"
HEADER = '<set-header name="a" exists-action="{}"><value>b</value></set-header>'


@pytest.mark.parametrize(
    ("inbound", "line", "reason"),
    [
        ("<set-colour />", 3, "<set-colour> is not a policy"),
        ('\n<set-variable name="a" value="b" colour="c" />', 4, "<set-variable> has no attribute colour"),
        ('<set-variable name="a" />', 3, "needs the attribute value"),
        ("<forward-request />", 3, "<forward-request> may not stand in <inbound>, only in backend"),
        (HEADER.format("replace"), 3, "must be one of override, skip, append, delete"),
        (DISORDERED, 3, "<set-url> must stand before"),
        ("<return-response><set-url>x</set-url></return-response>", 3, "<set-url> is not known under"),
        ("<choose><otherwise /></choose>", 3, "<choose> needs <when>"),
        ("<return-response><set-body>a</set-body><set-body>b</set-body></return-response>", 3, "only one <set-body>"),
        ('<retry count="51" interval="1" condition="@(true)" />', 3, "from 1 to 50"),
        ('<set-variable name="a" value="{{nobody-knows}}" />', 3, "named value {{nobody-knows}} is not defined"),
        ('<include-fragment fragment-id="absent" />', 3, "there is no fragment 'absent'"),
        ('<set-backend-service backend-id="oai-mars" />', 3, "there is no backend 'oai-mars'"),
        ('<set-variable name="@(1)" value="b" />', 3, "may not be an expression"),
        ("stray words", 3, "<inbound> may not hold text: 'stray words'"),
        ('<set-body template="liquid">x</set-body>', 3, "Liquid templates"),
        ("<choose>text<when condition='@(true)' /></choose>", 3, "may not hold text: 'text'"),
        (f"<wait>{HEADER.format('skip')}</wait>", 3, "may hold only cache-lookup-value, choose, send-request"),
        (CORS + "\n" + CORS, 4, "<cors> may stand once in <inbound>"),
    ],
)  # fmt: skip
def test_a_document_is_refused_with_its_line(tmp_path: Path, inbound: str, line: int, reason: str) -> None:
    policies = write(tmp_path, inbound)

    found = refusals(policies)

    assert found[0].startswith(f"apim-policies/api.xml:{line}: ")
    assert reason in found[0]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ('@(System.IO.File.ReadAllText("x"))', "System.IO.File"),
        ('@(Environment.GetEnvironmentVariable("x"))', "System.Environment"),
        ("@(context.Request.Nothing)", "CS1061"),
        ("@(1)", "CS0029"),
        ("@{ if (context.Tracing) { return null; } }", "CS0161"),
        ("@(WebUtility.UrlEncode(null))", "CS0103"),
        ("@(new JObject().ToString(Formatting.None))", "Formatting"),
        ('@{ DateTime d; return DateTime.TryParse("x", out d).ToString(); }', "System.DateTime.TryParse"),
        ("@(DateTime.UtcNow.ToUniversalTime().ToString())", "System.DateTime.ToUniversalTime"),
        ("@(new List&lt;string&gt;().GetType().Assembly.FullName)", "System.Reflection.Assembly"),
        ("@(1_000.ToString())", "without digit separators"),
        ('@(Regex.Matches("a", "a").Count.ToString())', "System.Text.RegularExpressions.MatchCollection.Count"),
        ('@(new[] { "a" }.GroupBy(one => one).First().Key)', "System.Linq.IGrouping.Key"),
        ('@(System.Globalization.CultureInfo.InvariantCulture.Name)', "System.Globalization.CultureInfo"),
    ],
)  # fmt: skip
def test_an_expression_outside_the_documented_csharp_is_refused(tmp_path: Path, code: str, reason: str) -> None:
    policies = write(tmp_path, f"<set-header name='a'>\n<value>{code}</value></set-header>")

    found = refusals(policies)

    assert found[0].startswith("apim-policies/api.xml:4: ")
    assert reason in found[0]


def test_a_fault_inside_a_long_expression_has_its_own_line(tmp_path: Path) -> None:
    policies = write(tmp_path, "<set-body>@{\n  var a = 1;\n  return a.Nothing;\n}</set-body>")

    assert refusals(policies)[0].startswith("apim-policies/api.xml:5: CS1061")


def test_an_attribute_on_a_later_line_is_named_by_that_line(tmp_path: Path) -> None:
    policies = write(tmp_path, '<set-variable\n  name="a"\n  value="{{absent}}" />')

    assert refusals(policies)[0].startswith("apim-policies/api.xml:5: ")


def test_backend_may_hold_one_policy_only(tmp_path: Path) -> None:
    policies = write(tmp_path, backend="<base />\n<forward-request />")

    assert refusals(policies) == ["apim-policies/api.xml:7: <backend> may contain only one direct child policy"]


def test_a_fragment_may_not_hold_sections_or_base(tmp_path: Path) -> None:
    policies = write(tmp_path, one="<fragment>\n<inbound />\n<base />\n</fragment>", two="<policies />")

    found = refusals(policies)

    assert found[0] == "apim-policies/fragments/one.xml:2: a fragment may not contain the section <inbound>"
    assert found[1] == "apim-policies/fragments/one.xml:3: a fragment may not contain <base>"
    assert found[2].startswith("apim-policies/fragments/two.xml:1: the root of a fragment must be <fragment>")


def test_a_fragment_in_the_wrong_section_is_refused_where_it_stands(tmp_path: Path) -> None:
    include = '<include-fragment fragment-id="limits" />'
    limit = '<fragment>\n<rate-limit calls="1" renewal-period="60" />\n</fragment>'
    policies = write(tmp_path, outbound=include, limits=limit)

    found = refusals(policies)

    assert found == [
        "apim-policies/fragments/limits.xml:2: <rate-limit> may not stand in <outbound>, only in inbound "
        "(included from apim-policies/api.xml:9)"
    ]


def test_a_policy_outside_its_scope_is_refused(tmp_path: Path) -> None:
    policies = write(tmp_path)
    limit = '<rate-limit calls="1" renewal-period="60" />'
    (policies / "global.xml").write_text(f"<policies>\n<inbound>{limit}</inbound></policies>")

    assert refusals(policies) == [
        "apim-policies/global.xml:2: <rate-limit> may not stand in the scope global, only in api, product"
    ]


def test_what_is_larger_than_the_service_keeps_is_refused(tmp_path: Path) -> None:
    policies = write(tmp_path, long=f"<fragment><!-- {'x' * 32 * 1024} --></fragment>")

    found = refusals(policies, table="x" * 4097)

    assert found[0].endswith("named value table has 4097 characters; 4096 are allowed")
    assert "more than the 32768 that a document may have" in found[1]


def test_text_that_is_no_xml_is_refused(tmp_path: Path) -> None:
    policies = write(tmp_path, '<set-variable name="a" value="@("b")" />')

    assert refusals(policies)[0].startswith("apim-policies/api.xml:3: not well-formed XML")


def test_a_section_that_stands_twice_or_is_unknown_is_refused(tmp_path: Path) -> None:
    policies = write(tmp_path)
    (policies / "api.xml").write_text("<policies>\n<inbound />\n<inbound />\n<middle />\n</policies>")

    assert refusals(policies) == [
        "apim-policies/api.xml:3: <policies> takes only one <inbound>",
        "apim-policies/api.xml:4: <middle> is not a section; sections are inbound, backend, outbound, on-error",
    ]


def test_a_disputed_place_is_a_warning(tmp_path: Path) -> None:
    policies = write(tmp_path)
    trace = '<trace source="x"><message>y</message></trace>'
    (policies / "api.xml").write_text(f"<policies><on-error>\n{trace}\n</on-error></policies>")

    warnings = load(policies, {}).warnings

    assert [str(warning) for warning in warnings] == [
        "apim-policies/api.xml:2: <trace> in <on-error>: the documentation disagrees with itself"
    ]


def test_every_policy_that_is_accepted_can_be_run() -> None:
    accepted = {name for name, rule in element_rules().items() if rule.sections}

    assert accepted - {"base", "include-fragment"} == set(executable())
