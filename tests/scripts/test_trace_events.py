"""A trace of calls becomes events, the same ones for the same command."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chargeback.domain.events.usage_event import AcceptedTimes, Phase, UsageEvent, read_event
from chargeback.domain.usage.meters import Meter
from scripts.traffic.cli import main
from scripts.traffic.rows import last_month

SAMPLE = Path(__file__).parent / "sample-trace.csv"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
ACCEPTED = AcceptedTimes.around(NOW, max_age=timedelta(days=400), clock_skew=timedelta(0))


def events(tmp_path: Path, *options: str, trace: Path = SAMPLE) -> list[UsageEvent]:
    return [read_event(line, ACCEPTED) for line in lines(tmp_path, *options, trace=trace)]


def lines(tmp_path: Path, *options: str, trace: Path = SAMPLE) -> list[bytes]:
    output = tmp_path / "events.ndjson"
    assert main([str(trace), "--month", "2026-10", "--output", str(output), *options]) == 0
    return output.read_bytes().splitlines()


def times(tmp_path: Path, *options: str) -> list[str]:
    return [json.loads(line)["time"] for line in lines(tmp_path, *options)]


def test_each_row_becomes_an_event_with_its_tokens(tmp_path: Path) -> None:
    found = events(tmp_path, "--subscription", "legal", "--backend", "oai-swedencentral")

    assert [(event.quantities.get(Meter.INPUT, 0), event.quantities.get(Meter.OUTPUT, 0)) for event in found] == [
        (100, 10),
        (1024, 0),
        (3000, 250),
        (1, 1),
    ]
    assert {event.phase for event in found} == {Phase.FINAL}
    line = found[0].line
    assert (line.subscription, line.product, line.deployment) == ("legal", "europe-resident", "gpt-5.4")
    assert (line.model, line.backend) == ("gpt-5.4-2026-03-05", "oai-swedencentral.openai.azure.com")


def test_the_same_command_gives_the_same_bytes_and_another_seed_other_calls(tmp_path: Path) -> None:
    first, again = events(tmp_path, "--repeat", "50"), events(tmp_path, "--repeat", "50")
    other = events(tmp_path, "--repeat", "50", "--seed", "1")

    assert first == again
    assert len({event.call for event in first + other}) == 400


def test_options_change_who_called_but_not_the_identity_of_a_call(tmp_path: Path) -> None:
    before = events(tmp_path, "--subscription", "search", "--backend", "oai-eastus2")
    after = events(tmp_path, "--subscription", "legal", "--backend", "oai-swedencentral")

    assert [event.call for event in before] == [event.call for event in after]
    assert before[0].line != after[0].line


def test_the_trace_begins_with_the_month_and_keeps_its_pace(tmp_path: Path) -> None:
    assert times(tmp_path) == [
        "2026-10-01T00:00:00Z",
        "2026-10-01T00:00:00.250000Z",
        "2026-10-01T00:00:07.123456Z",
        "2026-10-01T00:01:39Z",
    ]


def test_copies_follow_each_other_and_a_stretched_trace_fills_the_month(tmp_path: Path) -> None:
    found = times(tmp_path, "--repeat", "31", "--stretch")

    assert len(found) == 124
    assert found == sorted(found)
    assert found[4] == "2026-10-02T00:00:00Z"
    assert found[-1].startswith("2026-10-31T23:45:3")


def test_callers_are_drawn_by_weight(tmp_path: Path) -> None:
    found = events(tmp_path, "--repeat", "500", "--subscription", "search:3,support:1", "--model", "gpt-4o,gpt-4o-mini")

    searching = sum(event.line.subscription == "search" for event in found)
    assert 1400 < searching < 1600
    assert {event.line.deployment for event in found} == {"gpt-4o", "gpt-4o-mini"}
    assert len({event.line.backend for event in found}) == 4


def test_only_long_prompts_are_cached_and_in_steps_of_128(tmp_path: Path) -> None:
    found = events(tmp_path, "--cached-share", "0.5")

    assert [event.quantities.get(Meter.CACHED_INPUT, 0) for event in found] == [0, 512, 1408, 0]
    assert found[2].quantities[Meter.INPUT] == 3000 - 1408


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "trace.csv:1: the header is ''"),
        ("time,in,out\n", "trace.csv:1: the header is 'time,in,out'"),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-03-01 10:00:00,1\n",
            "trace.csv:2: '2023-03-01 10:00:00,1' is",
        ),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-03-01 10:00:00,1,x\n", "trace.csv:2: "),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-03-01 10:00:00,-1,1\n", "counts below zero"),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-03-01 10:00:01,1,1\n2023-03-01 10:00:00,1,1\n",
            "trace.csv:3: '2023-03-01 10:00:00,1,1' is before the first row",
        ),
    ],
)
def test_a_bad_row_is_refused_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, fault: str
) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text(text)

    assert main([str(trace)]) == 2
    assert fault in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        (
            "--subscription",
            "nobody",
            "subscription 'nobody' is not in gateway.yaml; there are search, support",
        ),
        ("--model", "gpt-9", "deployment 'gpt-9' is not at oai-swedencentral"),
        ("--backend", "elsewhere", "deployment 'gpt-5.4' is not at elsewhere in deployments.yaml"),
        ("--config", "/nowhere", "rate-card.yaml: there is no such file in /nowhere"),
    ],
)
def test_what_the_configuration_does_not_know_is_refused(
    capsys: pytest.CaptureFixture[str], option: str, value: str, fault: str
) -> None:
    assert main([str(SAMPLE), option, value]) == 2
    assert fault in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--subscription", "a:0"), ("--month", "2026-13"), ("--cached-share", "1.5"), ("--repeat", "0")],
)
def test_a_bad_option_is_refused_by_name(capsys: pytest.CaptureFixture[str], option: str, value: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(SAMPLE), option, value])

    assert f"argument {option}: '{value}' is not" in capsys.readouterr().err


def test_the_default_month_is_the_last_whole_one() -> None:
    assert last_month(datetime(2026, 1, 31, 23, tzinfo=UTC)) == datetime(2025, 12, 1, tzinfo=UTC)
