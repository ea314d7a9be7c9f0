"""A journal has the columns of SAP, Oracle or Dynamics, or those of a template of one's own."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.domain.errors import InvalidConfig
from chargeback.services.journals.column_template import SHIPPED, print_columns, read_template
from tests.support.journals import MARCH, charged, journal, posted_to, rules

LINES = journal(
    [
        charged("product/search", "740.246891", "35.25"),
        charged("product/web", "1"),
        charged("platform", "-20", kind="shared"),
    ],
    MARCH,
    rules(posted_to("product", object_="=4711"), posted_to("platform", "1000", "P.7")),
).lines


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_sap_has_signed_amounts_compact_dates_and_the_trading_partner() -> None:
    first, second, *_ = rows(print_columns(read_template("sap"), LINES)[""])

    assert {name: value for name, value in first.items() if value} == {
        "HEADER_TXT": "CB-2026-03-2000", "BUS_ACT": "RFBU", "DOC_TYPE": "SA", "COMP_CODE": "2000",
        "DOC_DATE": "20260331", "PSTNG_DATE": "20260331", "ITEMNO_ACC": "1",
        "GL_ACCOUNT": "625100", "COSTCENTER": "'=4711", "TAX_CODE": "V0", "TRADE_ID": "1000",
        "ITEM_TEXT": "Azure OpenAI 2026-03", "CURRENCY": "EUR", "AMT_DOCCUR": "740.25",
    }  # fmt: skip
    assert (second["AMT_DOCCUR"], second["COSTCENTER"]) == ("-740.25", "")


def test_oracle_has_a_debit_or_a_credit_and_segments() -> None:
    first, second, *_ = rows(print_columns(read_template("oracle"), LINES)[""])

    assert [first[name] for name in ("SEGMENT1", "SEGMENT2", "SEGMENT4", "ENTERED_DR", "ENTERED_CR")] == [
        "2000", "625100", "1000", "740.25", "",
    ]  # fmt: skip
    assert (second["ENTERED_DR"], second["ENTERED_CR"], second["ACCOUNTING_DATE"]) == ("", "740.25", "2026/03/31")


def test_dynamics_has_a_file_for_each_company() -> None:
    printed = print_columns(read_template("dynamics"), LINES)

    assert list(printed) == ["1000", "2000"]
    first = rows(printed["1000"])[0]
    assert (first["ACCOUNTDISPLAYVALUE"], first["DEBITAMOUNT"], first["CREDITAMOUNT"]) == (
        "625110-P.7",
        "0.00",
        "20.00",
    )
    assert (first["JOURNALBATCHNUMBER"], first["VOUCHER"]) == ("2026-03", "CB-2026-03-1000")
    assert [row["LINENUMBER"] for row in rows(printed["1000"])] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_document_balances_in_the_columns_too_and_what_waits_is_not_there(name: str) -> None:
    template = read_template(name)
    found = [row for content in print_columns(template, LINES).values() for row in rows(content)]

    debits, credits_ = {"oracle": ("ENTERED_DR", "ENTERED_CR"), "dynamics": ("DEBITAMOUNT", "CREDITAMOUNT")}.get(
        name, ("AMT_DOCCUR", "")
    )
    total = sum(Decimal(row[debits] or 0) - Decimal(row.get(credits_) or 0) for row in found)
    assert total == 0
    assert not any("CARRY" in value for row in found for value in row.values())
    assert len(template.source) > 20


def test_a_template_of_ones_own_is_read_and_its_faults_are_named(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('source = "us"\n[[columns]]\nname = "Sum"\nfrom = ["amount"]\n')
    printed = print_columns(read_template(str(own)), LINES)[""]
    own.write_text('source = "us"\n[[columns]]\nname = "Sum"\nfrom = ["amuont"]\n')

    assert printed.splitlines()[:3] == [b"Sum", b"740.25", b"-740.25"]
    with pytest.raises(InvalidConfig, match=r"own.toml: Sum: no such field 'amuont'"):
        read_template(str(own))
    with pytest.raises(InvalidConfig, match="there is no template 'sapp': name sap, oracle, dynamics"):
        read_template("sapp")
    with pytest.raises(InvalidConfig, match=r"missing.toml: .*No such file"):
        read_template(str(tmp_path / "missing.toml"))
