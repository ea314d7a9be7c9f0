"""The stand-ins for channels are as strict as the services, each rule as its source has it."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from stack.channels import teams
from stack.channels.email import AUDIENCE
from stack.channels.rates import RateLimit
from stack.channels.stand_ins import SENDER, ChannelAccess, StandIns
from stack.identity.tokens import load_signer

pytestmark = [pytest.mark.anyio, pytest.mark.servers]
TEAMS = teams.PATH.format(workflow="1") + "?api-version=1&sig="


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Served:
    """The stand-ins behind a client."""

    stand_ins: StandIns
    client: TestClient[web.Request, web.Application]
    clock: Clock
    headers: dict[str, str] = field(default_factory=dict)

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, str, str]:
        answer = await self.client.post(path, data=body if isinstance(body, str) else json.dumps(body), headers=headers)
        return answer.status, await answer.text(), answer.headers.get("Retry-After", "")


@pytest.fixture
async def served(tmp_path: Any) -> Any:
    clock = Clock()
    stand_ins = StandIns(ChannelAccess("key", 1, 2), load_signer(tmp_path / "key.pem"), clock)
    async with TestClient(TestServer(stand_ins.app())) as client:
        yield Served(stand_ins, client, clock)


def card(text: str, kind: str = "TextBlock") -> dict[str, Any]:
    element = (
        {"type": kind, "text": text}
        if kind == "TextBlock"
        else {"type": kind, "inlines": [{"type": "TextRun", "text": text}]}
    )
    content = {"type": "AdaptiveCard", "version": "1.4", "body": [element]}
    return {"type": "message", "attachments": [{"contentType": teams.CARD, "content": content}]}


async def test_teams_answers_200_to_what_it_shows_nothing_of_and_202_to_a_card(served: Served) -> None:
    address = TEAMS + served.stand_ins.access.secret("teams")

    assert (await served.post(address, {"text": "a bare body"}))[0] == 200
    assert (await served.post(address, card("hello")))[0] == 202
    assert [each.text for each in served.stand_ins.shown] == ["hello"]


async def test_teams_answers_202_to_a_card_that_its_workflow_then_cannot_post(served: Served) -> None:
    address = TEAMS + served.stand_ins.access.secret("teams")
    rows = [{"type": "TextBlock", "text": "y" * 50} for _ in range(320)]
    large = card("x")
    large["attachments"][0]["content"]["body"] += rows

    assert len(json.dumps(large)) < 28_672
    assert (await served.post(address, large))[0] == 202
    assert served.stand_ins.shown == []
    assert "whereas max allowed size is 28672 bytes" in served.stand_ins.teams.failed_runs[0]


async def test_teams_reads_markdown_in_blocks_and_not_in_runs(served: Served) -> None:
    address = TEAMS + served.stand_ins.access.secret("teams")
    for kind in ("TextBlock", "RichTextBlock"):
        await served.post(address, card("[Sign in](https://evil.example)", kind))

    assert [each.mentions for each in served.stand_ins.shown] == [("[Sign in](https://evil.example)",), ()]


async def test_teams_takes_four_a_second_and_only_with_the_signature(served: Served) -> None:
    address = TEAMS + served.stand_ins.access.secret("teams")

    answers = [(await served.post(address, card("x"))) for _ in range(5)]

    assert [status for status, _, _ in answers] == [202] * 4 + [429]
    assert answers[-1][2] == "1"
    assert (await served.post(TEAMS + "wrong", card("x")))[0] == 401


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("{", (400, "invalid_payload")),
        ({}, (400, "no_text")),
        (
            {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": "x" * 3001}}]},
            (400, "invalid_blocks"),
        ),
        ({"blocks": [{"type": "divider"}] * 51}, (400, "invalid_blocks")),
        ({"text": "hello"}, (200, "ok")),
    ],
)
async def test_slack_says_what_is_wrong_in_a_word(served: Served, body: Any, answer: tuple[int, str]) -> None:
    token = served.stand_ins.access.secret("slack")

    assert (await served.post(f"/services/T/B/{token}", body))[:2] == answer


async def test_slack_takes_one_a_second_and_knows_its_addresses(served: Served) -> None:
    address = f"/services/T/B/{served.stand_ins.access.secret('slack')}"
    await served.post(address, {"text": "first"})

    assert await served.post(address, {"text": "second"}) == (429, "rate_limited", "1")
    served.clock.seconds = 1.0
    assert (await served.post(address, {"text": "third"}))[0] == 200
    assert (await served.post("/services/T/B/other", {"text": "x"}))[:2] == (404, "no_service")


async def test_slack_mentions_whoever_its_markup_names(served: Served) -> None:
    address = f"/services/T/B/{served.stand_ins.access.secret('slack')}"
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "<!channel> <https://evil.example|x>"}}
    await served.post(address, {"text": "x", "blocks": [block]})

    assert served.stand_ins.shown[0].mentions == ("<!channel>", "<https://evil.example|x>")


async def test_an_open_alert_counts_up_and_a_closed_one_is_followed_by_a_new_one(served: Served) -> None:
    key = {"Authorization": f"GenieKey {served.stand_ins.access.secret('paging')}"}
    for _ in range(2):
        assert (await served.post("/v2/alerts", {"message": "m", "alias": "a"}, **key))[0] == 202
    assert (await served.post("/v2/alerts/a/close?identifierType=alias", {}, **key))[0] == 202
    await served.post("/v2/alerts", {"message": "m", "alias": "a"}, **key)

    assert [(each.count, each.is_open) for each in served.stand_ins.paging.alerts] == [(2, False), (1, True)]


async def test_paging_asks_for_its_key_and_for_lengths(served: Served) -> None:
    key = {"Authorization": f"GenieKey {served.stand_ins.access.secret('paging')}"}

    assert (await served.post("/v2/alerts", {"message": "m"}))[0] == 401
    assert (await served.post("/v2/alerts", {"message": "m"}, Authorization="GenieKey wrong"))[0] == 403
    assert (await served.post("/v2/alerts", {"message": "m" * 131}, **key))[0] == 422
    assert (await served.post("/v2/alerts", {}, **key))[0] == 422


async def test_mail_is_sent_again_under_the_same_operation_and_the_operation_is_known(served: Served) -> None:
    token = {"Authorization": f"Bearer {served.stand_ins.signer.mint(AUDIENCE)}"}
    operation = "8540c0de-899f-5cce-acb5-3ec493af3800"
    mail = {
        "senderAddress": SENDER,
        "recipients": {"to": [{"address": "a@example.org"}]},
        "content": {"subject": "s", "plainText": "t"},
    }
    before = await served.client.get(f"/emails/operations/{operation}", headers=token)
    for _ in range(2):
        assert (await served.post("/emails:send", mail, **token, **{"Operation-Id": operation}))[0] == 202
    after = await served.client.get(f"/emails/operations/{operation}", headers=token)

    assert (before.status, after.status) == (404, 200)
    assert len(served.stand_ins.shown) == 2
    assert (await served.post("/emails:send", mail))[0] == 401
    assert (await served.post("/emails:send", {**mail, "senderAddress": "a@other.example"}, **token))[0] == 400


async def test_mail_is_taken_thirty_times_a_minute_and_a_hundred_times_an_hour() -> None:
    clock = Clock()
    minute, hour = RateLimit(30, 60.0, clock), RateLimit(100, 3600.0, clock)

    assert [minute.wait() for _ in range(31)][-2:] == [0, 60]
    clock.seconds = 59.5
    assert minute.wait() == 1
    clock.seconds = 60.0
    assert minute.wait() == 0
    assert [hour.wait() for _ in range(101)][-1] == 3600


async def test_a_webhook_without_a_right_signature_is_refused(served: Served) -> None:
    assert (await served.post("/hook", {"type": "x", "timestamp": "2026-11-30T00:00:00Z", "data": {}}))[0] == 400
    assert served.stand_ins.shown == []


async def test_trouble_is_made_as_asked_and_what_was_shown_is_listed(served: Served) -> None:
    address = f"/services/T/B/{served.stand_ins.access.secret('slack')}"
    made = await served.client.put("/trouble/slack", json={"statuses": [[503, "7"]]})

    assert made.status == 204
    assert (await served.post(address, {"text": "x"}))[::2] == (503, "7")
    await served.post(address, {"text": "y"})
    assert [each["text"] for each in await (await served.client.get("/shown")).json()] == ["y"]
