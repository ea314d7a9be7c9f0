"""The command line does what its help says, on the real stores, and says what went wrong in one message."""

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from chargeback.adapters.config.folders import path_of
from stack.example import EXAMPLE_CONFIG
from stack.stack import Stack
from tests.support.builders import cloud_event, tokens, usage_event
from tests.support.command_line import chargeback, found_by, output_of
from tests.support.dead_letters import put_dead_letters

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
TODAY = datetime.now(UTC).date().isoformat()
PERIOD = TODAY[:7]
COMMANDS = [
    "ingest",
    "post",
    "audit",
    "publish",
    "replay",
    "count-tokens",
    "config",
    "prices",
    "forecast",
    "anomalies",
    "periods",
]


def event(**arguments: object) -> bytes:
    return usage_event(**({"time": f"{TODAY}T00:00:01Z"} | arguments))


def test_help_names_every_command_and_each_has_its_own() -> None:
    output = subprocess.check_output([sys.executable, "-m", "chargeback", "--help"], cwd=ROOT, text=True)

    assert all(re.search(rf"^\W*{command}\s", output, re.M) for command in COMMANDS)
    assert "CloudEvents" in output_of("ingest", "--help")
    assert all(command in output_of("config", "--help") for command in ("validate", "apply"))


def test_a_day_goes_from_standard_input_to_a_downloaded_report(clean_stores: Stack, tmp_path: Path) -> None:
    same = event(usage=tokens(1_000, 0))
    lines = b"\n".join([same, b"", event(usage=tokens(0, 10)), same, b"no json", b""])

    ingested = found_by("ingest", "-", stdin=lines)
    posted, again = output_of("post"), output_of("post")
    audited = output_of("audit", "--day", TODAY)
    published = output_of("publish", PERIOD, "--out-dir", str(tmp_path))

    assert ingested.splitlines()[0] == "accepted 2, duplicate 1, quarantined 1"
    assert "1 x not-json: " in ingested
    # A day without any posting yet is counted again from the ledger, in case Redis had lost a part: each event once,
    # as the audit counts it.
    assert posted == f"{TODAY}: 1 records set, 2 events counted again from the ledger, 0 unpriced, 0 unsettled\n"
    assert again == "nothing to post\n"
    assert f"{TODAY}: 3 events, 2 calls, 1 duplicates, 0 unreadable; 0 lines differed" in audited
    assert published.startswith(f"{PERIOD}: ")
    files = sorted(path.name for path in (tmp_path / PERIOD).iterdir() if path.is_file())
    named = ["chargeback-{}.csv", "chargeback-{}.xlsx", "charges-{}.parquet", "summary-{}.csv"]
    named += [f"focus-{version}-{{}}.{suffix}" for version in ("1.2", "1.3") for suffix in ("csv", "metadata.json")]
    assert files == sorted(["manifest.json", *(name.format(PERIOD) for name in named)])
    statements = tmp_path / PERIOD / "statements"
    assert (statements / "unallocated" / f"statement-{PERIOD}.html").is_file()
    csv = next(tmp_path.rglob("chargeback-*.csv")).read_text()
    assert csv.splitlines()[0].startswith("billing_period,charge_date,cost_centre,")
    assert ",input_tokens,1000," in csv


def test_events_come_from_a_file(clean_stores: Stack, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\r\n".join(event() for _ in range(2_500)))

    assert output_of("ingest", str(file)) == "accepted 2500, duplicate 0, quarantined 0\n"


def test_late_events_are_told_and_the_audit_posts_them(clean_stores: Stack) -> None:
    day = (datetime.now(UTC) - timedelta(days=20)).date().isoformat()

    ingested = output_of("ingest", "-", stdin=event(time=f"{day}T10:00:00Z"))
    audited = found_by("audit")
    again = output_of("audit")

    assert "1 of the accepted are of days that are no longer open: run `audit` to post them" in ingested
    assert re.search(rf"{day}: 1 events, 1 calls, .* 1 lines differed by 0\.\d+ USD and were corrected", audited)
    assert again == "no day has to be audited\n"


def test_what_is_quarantined_for_its_date_is_accepted_after_the_fix(clean_stores: Stack) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(hours=6)).isoformat().replace("+00:00", "Z")
    first = found_by("ingest", "-", stdin=event(time=tomorrow))
    early = found_by("replay")

    fixed = output_of("replay", CLOCK_SKEW_MINUTES="720")
    empty = output_of("replay", CLOCK_SKEW_MINUTES="720")

    assert "quarantined 1" in first
    assert "time-out-of-range" in first
    assert early == "accepted 0, duplicate 0, in quarantine 1\n"
    assert fixed == "accepted 1, duplicate 0, in quarantine 0\n"
    assert empty == "accepted 0, duplicate 0, in quarantine 0\n"


def test_dead_letters_are_taken_in_and_damaged_ones_quarantined(clean_stores: Stack) -> None:
    letter = msgspec.json.encode([cloud_event(time=f"{TODAY}T00:00:01Z") | {"deadLetterReason": "x"}])
    for name, body in (("a.json", b"[{"), ("b.json", letter)):
        put_dead_letters(clean_stores, name, body)

    replayed = found_by("replay", "--dead-letters")

    assert replayed == "accepted 1, duplicate 0, in quarantine 1\n"
    assert output_of("replay", "--dead-letters") == "accepted 0, duplicate 0, in quarantine 0\n"


def test_the_catalogue_is_validated_and_applied_once(clean_stores: Stack) -> None:
    valid = output_of("config", "validate")
    applied, again = (output_of("config", "apply") for _ in range(2))

    digest = re.search(r"digest ([0-9a-f]{12})", valid)
    assert digest is not None
    assert applied == f"in force: {digest[1]}, before: the deployed files\n"
    assert again == f"already in force: {digest[1]}\n"
    assert output_of("config", "diff") == "the files are what is in force\n"


def test_applying_says_what_changed_and_brings_it_to_every_day_with_usage(clean_stores: Stack, tmp_path: Path) -> None:
    last_week = (datetime.now(UTC) - timedelta(days=7)).date().isoformat()
    fields = {"model": "gpt-4o-2024-11-20", "usage": tokens(1_000_000, 0)}
    lines = [event(**fields), usage_event(time=f"{last_week}T00:00:01Z", **fields)]
    output_of("ingest", "-", stdin=b"\n".join(lines))
    found_by("audit", "--day", last_week)
    folder = Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))
    card, budgets = path_of(folder, "rate-card.yaml"), path_of(folder, "budgets.yaml")
    card.write_text(card.read_text().replace('{input_tokens: "2.75", cached', '{input_tokens: "3.00", cached', 1))
    budgets.write_text(re.sub(r"amount: \d+", "amount: 77777", budgets.read_text(), count=1))

    output_of("post")
    differences = found_by("config", "diff", "--config-dir", str(folder))
    dry_run = found_by("config", "apply", "--dry-run", "--config-dir", str(folder))
    applied = output_of("config", "apply", "--config-dir", str(folder))

    assert dry_run == differences
    moved = {period: 0.25 * [TODAY[:7], last_week[:7]].count(period) for period in (TODAY[:7], last_week[:7])}
    told = [line.partition(" (")[0] for line in differences.splitlines() if " USD (" in line]
    assert told == [f"{period} product/search: +{amount:.2f} USD" for period, amount in sorted(moved.items())]
    assert "prices: 4 changed\n" in applied
    assert (
        "  azure-openai/gpt-4o/2024-11-20/DataZoneStandard/default/eu/input_tokens: 2.75 → 3,"
        " from 2024-08-06T00Z on\n" in applied
    )
    assert re.search(r"^  budget \S+ changed$", applied, re.M)
    assert f"rated again by the next posting: {TODAY}\n" in applied
    assert f"marked, rated again by the next audit: {last_week}\n" in applied
    # The books had 2.75 for the day before, and have 3 after.
    assert "1 lines differed by 0.25 USD and were corrected" in found_by("audit", "--day", last_week)


def test_other_terms_are_applied_and_the_month_has_the_days_of_its_zone(clean_stores: Stack, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE_CONFIG, tmp_path, dirs_exist_ok=True)
    books = path_of(tmp_path, "books.yaml")
    folder = ("--config-dir", str(tmp_path))
    books.write_text(books.read_text().replace("timeZone: UTC", "timeZone: Europe/Berlin"))
    output_of("config", "apply", *folder)

    books.write_text(books.read_text().replace("graceHours: 72", "graceHours: 96"))
    applied = output_of("config", "apply", *folder)
    audited = output_of("audit", "2026-03")

    assert re.fullmatch(r"in force with other terms: [0-9a-f]{12}, terms [0-9a-f]{12}", applied.splitlines()[0])
    days = [line.split(":")[0] for line in audited.splitlines()]
    # Midnight in Berlin is an hour or two before that of UTC.
    assert (days[0], days[1], days[-1], len(days)) == ("2026-02-28", "2026-03-01", "2026-03-31", 32)


def test_a_faulty_catalogue_is_told_with_file_and_place(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE_CONFIG, tmp_path, dirs_exist_ok=True)
    centres = path_of(tmp_path, "cost-centres.yaml")
    centres.write_text(centres.read_text().replace("costCentre: research}", "costCentre: nowhere}"))

    code, output, errors = chargeback("config", "validate", "--config-dir", str(tmp_path))

    assert (code, output) == (1, "")
    assert errors.startswith("error: ")
    assert "cost-centres.yaml" in errors
    assert "nowhere" in errors
    assert "Traceback" not in errors


def test_tokens_are_counted_without_a_network() -> None:
    assert output_of("count-tokens", "--model", "gpt-4o", "-", stdin=b"hello world") == "2 tokens of o200k_base\n"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["ingest", "no-such-file"], 1, "error: no-such-file: No such file or directory"),
        (
            ["publish", "2026-13"],
            2,
            "error: Invalid value for 'PERIOD': period '2026-13' is not a month such as 2026-03",
        ),
        (["audit", "March"], 2, "error: Invalid value for 'PERIOD': period 'March' is not a month such as 2026-03"),
        (["post", "--day", "2026-02-30"], 2, "'2026-02-30' is not a day such as 2026-03-14"),
        (["publish"], 2, "PERIOD"),
        (["config", "validate", "--config-dir", "no-such-folder"], 1, "error: "),
        (["conjure"], 2, "conjure"),
    ],
)
def test_a_wrong_argument_is_named(clean_stores: Stack, arguments: list[str], code: int, text: str) -> None:
    ended, _, errors = chargeback(*arguments)

    assert ended == code
    assert text in errors
    assert "Traceback" not in errors


def test_wrong_settings_are_one_message() -> None:
    wrong = {
        "CHARGEBACK_REDIS_URL": "nowhere",
        "CHARGEBACK_STORAGE_ACCOUNT_URL": "here",
        "CHARGEBACK_COSMOS_ENDPOINT": "https://c",
    }

    code, _, errors = chargeback("post", **wrong)

    assert code == 1
    assert "CHARGEBACK_REDIS_URL: 'nowhere' is not a redis:// or rediss:// address" in errors
    assert "CHARGEBACK_STORAGE_ACCOUNT_URL: 'here' is not an https:// address" in errors
    assert "Traceback" not in errors


def test_a_store_that_is_away_is_one_message(clean_stores: Stack) -> None:
    code, _, errors = chargeback("ingest", "-", stdin=event(), CHARGEBACK_REDIS_URL="redis://127.0.0.1:1")

    assert code == 1
    assert "error: Redis: " in errors
    assert "Traceback" not in errors


def test_settling_takes_the_first_of_many_days_or_single_ones_and_never_both() -> None:
    code, _, errors = chargeback("settle", "--since", "2026-03-14", "--day", "2026-03-15")

    assert code == 2
    assert "--since names the first of many days" in re.sub(r"\s+", " ", errors)
