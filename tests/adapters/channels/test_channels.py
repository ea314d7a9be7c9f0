"""Each channel against a stand-in that behaves as the real service: what is shown, and what is tried again."""

from datetime import timedelta

import pytest

from chargeback.adapters.channels import outbound as outbound_module
from chargeback.adapters.channels.email import operation_id
from chargeback.domain.alerts.alert import TurnKind
from chargeback.domain.alerts.facts import Facts
from chargeback.domain.alerts.kinds import Severity
from chargeback.services.ports.channels import Outcome
from stack.channels.stand_ins import SERVICES_SHOWN
from tests.adapters.channels.conftest import Channels
from tests.support.alert_messages import digest, entry, message

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

EACH = pytest.mark.parametrize("name", SERVICES_SHOWN)
BY_HTTP = pytest.mark.parametrize("name", [name for name in SERVICES_SHOWN if name != "smtp"])
TOLD = Outcome(is_told=True)


@EACH
async def test_a_message_is_shown_once_with_what_matters(channels: Channels, name: str) -> None:
    assert await channels[name].send(message()) == TOLD

    (shown,) = channels.stand_ins.shown
    assert shown.service == name
    assert shown.mentions == ()
    for part in ("product/support has spent 104 % of its budget for November", "chat-assistant", "8\u202f320.00 EUR"):
        assert part in shown.text


@EACH
async def test_a_digest_is_one_message(channels: Channels, name: str) -> None:
    assert await channels[name].send(digest(3)) == TOLD

    (shown,) = channels.stand_ins.shown
    assert shown.text.count("104 %") >= 3


@EACH
async def test_a_test_says_that_it_is_one(channels: Channels, name: str) -> None:
    assert await channels[name].send(message(entry(Facts("A test of this channel.")), is_test=True)) == TOLD

    (shown,) = channels.stand_ins.shown
    assert "test" in shown.text.lower()


@EACH
@pytest.mark.parametrize("size", [60, 500])
async def test_a_digest_of_any_size_is_shown_and_says_what_is_left_out(
    channels: Channels, name: str, size: int
) -> None:
    assert await channels[name].send(digest(size)) == TOLD

    (shown,) = channels.stand_ins.shown
    if name in ("teams", "slack"):
        assert "more did not fit here" in shown.text
    if name == "webhook":
        assert '"leftOut":' in shown.text.replace(" ", "")
    assert channels.stand_ins.teams.failed_runs == []


@BY_HTTP
@pytest.mark.parametrize("status", [302, 401, 403, 408, 429, 500, 503])
async def test_what_may_pass_is_tried_again_after_the_wait_that_is_asked_for(
    channels: Channels, name: str, status: int
) -> None:
    channels.stand_ins.boards[name].trouble.statuses = [(status, "17")]

    outcome = await channels[name].send(message())

    assert (outcome.is_told, outcome.may_retry, outcome.after) == (False, True, timedelta(seconds=17))
    assert str(status) in outcome.fault
    assert channels.stand_ins.shown == []


@EACH
async def test_a_service_that_acts_and_closes_the_connection_counts_as_failed_for_now(
    channels: Channels, name: str
) -> None:
    channels.stand_ins.boards[name].trouble.acted_then_closed = 1

    first = await channels[name].send(message())
    channels.clock.seconds += 60
    second = await channels[name].send(message())

    assert (first.is_told, first.may_retry) == (False, True)
    assert second == TOLD
    # Whoever knows repetitions shows it once; the documents say that the others may show it twice.
    assert len(channels.stand_ins.shown) == (1 if channels[name].knows_repetitions else 2)


@EACH
async def test_a_service_that_hangs_is_given_up(channels: Channels, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_module, "SEND_SECONDS", 0.4)
    monkeypatch.setattr("chargeback.adapters.channels.smtp.SEND_SECONDS", 0.4)
    channels.stand_ins.boards[name].trouble.hangs = 1

    outcome = await channels[name].send(message())

    assert (outcome.is_told, outcome.may_retry) == (False, True)
    assert channels.stand_ins.shown == []


@EACH
async def test_a_service_that_is_away_is_tried_again(channels: Channels, name: str) -> None:
    channels.secrets["alerts-teams"] = "https://localhost:1/x"
    channels.secrets["alerts-slack"] = "https://localhost:1/x"
    for each in ("paging", "webhook", "email"):
        part = "_url" if each != "email" else "_endpoint"
        setattr(channels[each], part, "https://localhost:1")
    channels["smtp"]._setup = replace_port(channels["smtp"]._setup)  # type: ignore[attr-defined]

    outcome = await channels[name].send(message())

    assert (outcome.is_told, outcome.may_retry) == (False, True)
    assert outcome.fault


def replace_port(setup: object) -> object:
    from msgspec.structs import replace as replace_field

    return replace_field(setup, port=1)  # type: ignore[type-var]


@EACH
async def test_a_secret_is_nowhere_in_a_fault(channels: Channels, name: str) -> None:
    secrets = [channels.stand_ins.access.secret(each) for each in SERVICES_SHOWN]
    channels.stand_ins.boards[name].trouble.statuses = [(500, ""), (401, "")]
    faults = [(await channels[name].send(message())).fault for _ in range(2)]
    channels.clock.seconds += 60
    channels.secrets.update({each: value[:-5] + "wrong" for each, value in channels.secrets.items()})
    faults.append((await channels[name].send(message())).fault)

    assert not any(secret[:-5] in fault for fault in faults for secret in secrets)


@pytest.mark.parametrize("name", ["teams", "slack"])
async def test_the_declared_pace_is_what_the_service_takes(channels: Channels, name: str) -> None:
    (pace,) = channels[name].paces

    outcomes = [await channels[name].send(message()) for _ in range(pace.messages + 1)]

    assert [each.is_told for each in outcomes] == [True] * pace.messages + [False]
    assert outcomes[-1].after == pace.within


async def test_the_declared_paces_of_mail_are_what_the_service_takes(channels: Channels) -> None:
    a_minute, an_hour = channels["email"].paces

    outcomes = [await channels["email"].send(digest(number + 1)) for number in range(a_minute.messages + 1)]

    assert (a_minute.messages, an_hour.messages) == (30, 100)
    assert [each.is_told for each in outcomes] == [True] * 30 + [False]
    assert outcomes[-1].after is not None
    assert outcomes[-1].after > timedelta(seconds=1)


async def test_an_answer_of_200_by_teams_shows_nothing_and_is_not_repeated(
    channels: Channels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chargeback.adapters.channels.teams.to_bytes", lambda _: b'{"text": "a bare body"}')

    outcome = await channels["teams"].send(message())

    assert (outcome.is_told, outcome.may_retry) == (False, False)
    assert outcome.fault == "answered 200: a workflow that posts the card answers 202"
    assert channels.stand_ins.shown == []


async def test_a_webhook_that_is_gone_is_told_so_and_not_tried_again(channels: Channels) -> None:
    channels.stand_ins.boards["webhook"].trouble.statuses = [(410, "")]

    outcome = await channels["webhook"].send(message())

    assert (outcome.is_told, outcome.may_retry, outcome.is_gone) == (False, False, True)


async def test_a_webhook_is_verified_by_either_secret_while_one_replaces_the_other(channels: Channels) -> None:
    old = channels.secrets["alerts-webhook"]
    new = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
    channels.secrets["alerts-webhook"] = f"{new} {old}"

    outcomes = []
    for verified_by in (old, new):
        channels.stand_ins.webhook.secret = verified_by
        outcomes.append(await channels["webhook"].send(message(key=f"of {verified_by[-6:-1]}")))

    assert outcomes == [TOLD, TOLD]


async def test_a_webhook_whose_receiver_does_not_know_the_secret_yet_is_tried_again(channels: Channels) -> None:
    channels.stand_ins.webhook.secret = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="

    outcome = await channels["webhook"].send(message())

    assert (outcome.is_told, outcome.may_retry) == (False, True)
    assert "signature" in outcome.fault


async def test_an_all_clear_closes_the_alert_on_call_and_a_late_repetition_opens_it_not_again(
    channels: Channels,
) -> None:
    raised, cleared = message(), message(entry(Facts("It is over."), turn=TurnKind.CLEARED))

    for each in (raised, raised, cleared, cleared):
        assert await channels["paging"].send(each) == TOLD

    (alert,) = channels.stand_ins.paging.alerts
    assert (alert.count, alert.is_open, alert.priority) == (2, False, "P2")


@pytest.mark.parametrize(("severity", "priority"), [(Severity.INFORMATION, "P5"), (Severity.LOOK_TODAY, "P3")])
async def test_the_urgency_is_the_priority_on_call(channels: Channels, severity: Severity, priority: str) -> None:
    await channels["paging"].send(message(entry(severity=severity)))

    assert channels.stand_ins.paging.alerts[0].priority == priority


async def test_a_mail_has_an_operation_whatever_the_form_of_its_key(channels: Channels) -> None:
    for _ in range(2):
        assert await channels["email"].send(message(key="digest-of-a-morning", is_digest=True)) == TOLD

    assert [each.key for each in channels.stand_ins.shown] == [operation_id("digest-of-a-morning")]


async def test_a_mail_that_the_service_could_not_send_is_given_up(channels: Channels) -> None:
    assert await channels["email"].send(message()) == TOLD
    (operation,) = channels.stand_ins.email.operations
    channels.stand_ins.email.operations[operation] = "Failed"

    outcome = await channels["email"].send(message())

    assert (outcome.is_told, outcome.may_retry) == (False, False)


async def test_a_mail_from_a_domain_that_nobody_verified_is_given_up_with_the_reason(channels: Channels) -> None:
    channels["email"]._sender = "alerts@other.example"  # type: ignore[attr-defined]

    outcome = await channels["email"].send(message())

    assert (outcome.is_told, outcome.may_retry) == (False, False)
    assert "the domain is not linked" in outcome.fault


async def test_a_mail_server_that_is_busy_is_tried_again_and_one_that_refuses_is_not(channels: Channels) -> None:
    channels.stand_ins.boards["smtp"].trouble.statuses = [(451, ""), (554, "")]

    busy, refusing = [await channels["smtp"].send(message()) for _ in range(2)]

    assert (busy.is_told, busy.may_retry) == (False, True)
    assert (refusing.is_told, refusing.may_retry) == (False, False)


async def test_a_mail_server_that_knows_no_recipient_refuses_for_good(channels: Channels) -> None:
    channels.stand_ins.mail.unknown = {"finops@example.com"}

    outcome = await channels["smtp"].send(message())

    assert (outcome.is_told, outcome.may_retry) == (False, False)


async def test_a_mail_has_one_message_id_for_every_attempt(channels: Channels) -> None:
    for _ in range(2):
        assert await channels["smtp"].send(message()) == TOLD

    first, second = channels.stand_ins.shown
    assert first.key == second.key == f"<{message().key}@example.com>"


async def test_what_is_sent_to_another_system_is_told_exactly(channels: Channels) -> None:
    await channels["webhook"].send(message())

    (document,) = channels.stand_ins.webhook.seen.values()
    assert document["type"] == "chargeback.alert.raised.v1"
    assert document["data"]["movers"][0] == {"what": "chat-assistant", "amount": "4120.5"}
    assert document["data"]["forecast"] == {"low": "9000", "expected": "9450.126", "high": "9990"}
    assert document["data"]["costCentre"] == "product/support"


async def test_every_channel_says_what_to_look_for(channels: Channels) -> None:
    assert all(channels[name].look_for.endswith(".") for name in SERVICES_SHOWN)
