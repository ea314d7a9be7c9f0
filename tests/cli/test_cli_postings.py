"""A closed month is posted from the command line on the real stores, and its documents are confirmed once."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chargeback.adapters.config.folders import path_of
from chargeback.cli.exit_codes import ExitCode
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.months import Month
from chargeback.services.journals.render_postings import read_postings
from stack.example import EXAMPLE_CONFIG
from stack.stack import Stack
from tests.support.builders import tokens, usage_event
from tests.support.command_line import chargeback, found_by, output_of

pytestmark = pytest.mark.servers

LAST = previous_period(Month(f"{datetime.now(UTC):%Y-%m}"))
PLAN = f"version,company_code,object,gl_account,period,amount,currency\r\nv1,2000,4711,625100,{LAST},2.00,USD\r\n"
POSTING = """\
issuing:
  - {companyCode: "1000", receivable: "140100", recovery: {account: "695000"}}
companies:
  - {companyCode: "2000", payable: "240100"}
costCentres:
  - {costCentre: product, companyCode: "2000", objectType: CC, object: "4711", accounts: {usage: "625100"}}
"""
OTHERS = """\
  - {costCentre: corporate, companyCode: "1000", objectType: CC, object: "1", accounts: {usage: "625100"}}
  - {costCentre: research, companyCode: "1000", objectType: CC, object: "2", accounts: {usage: "625100"}}
  - {costCentre: unallocated, companyCode: "1000", objectType: CC, object: "3", accounts: {usage: "625100"}}
"""


def test_a_month_that_cannot_be_posted_is_closed_and_posted_and_confirmed_later(
    clean_stores: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config")
    path_of(config, "posting.yaml").write_text(POSTING + OTHERS)
    monkeypatch.setenv("CHARGEBACK_CONFIG_DIR", str(config))
    calls = [
        usage_event(id=team, time=f"{LAST}-10T10:00:00Z", usage=tokens(1_000_000, 0), subscriptionId=team)
        for team in ("search", "research")
    ]
    output_of("ingest", "-", stdin=b"\n".join(calls))
    found_by("audit")

    output_of("publish", LAST)
    accrued = output_of("postings", "accrue", LAST)
    path_of(config, "posting.yaml").write_text(POSTING)

    ended, closed, errors = chargeback("periods", "close", LAST)
    path_of(config, "posting.yaml").write_text(POSTING + OTHERS)
    made = output_of("postings", "make", LAST, "--out-dir", str(tmp_path), "--template", "sap")
    said = ("postings", "confirm", f"CB-{LAST}-2000", "--posted", f"{LAST}-28")
    first = output_of(*said, "--erp-number", "1900004711")
    code, _, other = chargeback(*said, "--erp-number", "1900004712")
    shown = output_of("postings", "show", LAST)
    kept = output_of("postings", "import-plan", "-", stdin=PLAN.encode())
    compared = output_of("postings", "compare", LAST)

    assert (ended, closed.splitlines()[0].split()[:2]) == (ExitCode.FINDINGS, [LAST, "closed"])
    assert f"{LAST} cannot be posted:\n  - costCentres: no entry for 'research'" in errors
    lines = read_postings((tmp_path / f"postings-{LAST}.csv").read_bytes())
    assert {line.company for line in lines} == {"1000", "2000"}
    assert sum(line.amount for line in lines) == 0
    assert made.startswith(f"closed/{LAST}/postings-{LAST}.csv: 2 documents")
    assert (tmp_path / f"postings-{LAST}-erp.csv").read_text().startswith("HEADER_TXT,")
    assert first == f"CB-{LAST}-2000 is 1900004711 in the ERP, posted on {LAST}-28\n"
    assert (code, "keeps that" in other) == (ExitCode.FAILED, True)
    assert "1900004711 in the ERP" in shown
    assert f"CB-{LAST}-2000-A" in accrued
    assert kept == f"{LAST}: 1 lines of v1\n"
    assert compared.startswith(f"reports/plans/plan-variance-{LAST}-v1.csv: {LAST} (closed) against v1")
