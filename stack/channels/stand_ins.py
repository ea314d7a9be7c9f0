"""All stand-ins of one process: secrets, routes, and the configuration with which the product finds them."""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec
from aiohttp import web

from stack.channels import teams
from stack.channels.answering import answering
from stack.channels.board import Board, Shown, Trouble
from stack.channels.email import CommunicationServices
from stack.channels.mail_server import MailServer
from stack.channels.paging import OnCall
from stack.channels.receiver import WebhookReceiver
from stack.channels.slack import SlackHook
from stack.channels.teams import TeamsWorkflow
from stack.identity.tokens import Signer

SERVICES_SHOWN = ("teams", "slack", "paging", "webhook", "email", "smtp")
SENDER = "alerts@mail.example"
HOST = "localhost"


@dataclass(frozen=True, slots=True)
class ChannelAccess:
    """Where the stand-ins are, and with which secrets they are called; all of it follows from a key and two ports."""

    key: str
    port: int
    mail_port: int

    @property
    def base(self) -> str:
        """The address of everything but the mail server."""
        return f"https://{HOST}:{self.port}"

    def secret(self, service: str) -> str:
        """What a service asks for."""
        digest = sha256(f"{self.key} {service}".encode()).digest()
        return f"whsec_{b64encode(digest).decode()}" if service == "webhook" else digest.hex()

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which the product finds the stand-ins."""
        path = teams.PATH.format(workflow="1")
        secrets = {
            "alerts-teams": f"{self.base}{path}?api-version=1&sp=%2Ftriggers&sv=1.0&sig={self.secret('teams')}",
            "alerts-slack": f"{self.base}/services/T0/B0/{self.secret('slack')}",
            "alerts-paging": self.secret("paging"),
            "alerts-webhook": self.secret("webhook"),
            "alerts-smtp": f"chargeback:{self.secret('smtp')}",
        }
        return {
            "ALERT_SECRETS": json.dumps(secrets),
            "COMMUNICATION_ENDPOINT": self.base,
            "ALERT_SENDER": SENDER,
        }

    @property
    def channels(self) -> list[dict[str, Any]]:
        """The channels of an alerts.yaml that leads to the stand-ins; each has the name of its stand-in."""
        mail = {"from": "alerts@example.com", "to": ["finops@example.com"], "host": HOST, "port": self.mail_port}
        return [
            {"id": "teams", "kind": "teams", "secret": "alerts-teams"},
            {"id": "slack", "kind": "slack", "secret": "alerts-slack"},
            {"id": "paging", "kind": "jira-service-management", "secret": "alerts-paging", "url": self.base},
            {"id": "webhook", "kind": "webhook", "secret": "alerts-webhook", "url": f"{self.base}/hook"},
            {"id": "email", "kind": "email", "to": ["finops@example.com", "controller@example.com"]},
            {"id": "smtp", "kind": "smtp", "secret": "alerts-smtp", **mail},
        ]


@dataclass(slots=True)
class StandIns:
    """The stand-ins, each with trouble of its own, and one list of what they showed."""

    access: ChannelAccess
    signer: Signer
    clock: Callable[[], float] = time.monotonic
    shown: list[Shown] = field(default_factory=list)
    boards: Mapping[str, Board] = field(init=False)
    teams: TeamsWorkflow = field(init=False)
    slack: SlackHook = field(init=False)
    paging: OnCall = field(init=False)
    webhook: WebhookReceiver = field(init=False)
    email: CommunicationServices = field(init=False)
    mail: MailServer = field(init=False)

    def __post_init__(self) -> None:
        """Make each of them."""
        self.boards = boards = {name: Board(self.shown) for name in SERVICES_SHOWN}
        secret = self.access.secret
        self.teams = TeamsWorkflow(boards["teams"], secret("teams"), self.clock)
        self.slack = SlackHook(boards["slack"], secret("slack"), self.clock)
        self.paging = OnCall(boards["paging"], secret("paging"))
        self.webhook = WebhookReceiver(boards["webhook"], secret("webhook"))
        self.email = CommunicationServices(boards["email"], self.signer, SENDER.partition("@")[2], self.clock)
        self.mail = MailServer(boards["smtp"], "chargeback", secret("smtp"))

    def app(self) -> web.Application:
        """The server of everything but mail by SMTP."""
        board, app = self.boards, web.Application(client_max_size=10_000_000)
        app.add_routes(
            [
                web.post(teams.PATH, answering(board["teams"], self.teams.post)),
                web.post("/services/{team}/{app}/{token}", answering(board["slack"], self.slack.post)),
                web.post("/v2/alerts", answering(board["paging"], self.paging.create)),
                web.post("/v2/alerts/{alias}/close", answering(board["paging"], self.paging.close)),
                web.post("/hook", answering(board["webhook"], self.webhook.post)),
                web.post("/emails:send", answering(board["email"], self.email.send)),
                web.get("/emails/operations/{operation}", self.email.status),
                web.get("/shown", self._list),
                web.put("/trouble/{service}", self._make_trouble),
            ]
        )
        return app

    async def _list(self, _request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self.shown), content_type="application/json")

    async def _make_trouble(self, request: web.Request) -> web.Response:
        trouble = msgspec.json.decode(await request.read(), type=Trouble)
        self.boards[request.match_info["service"]].trouble = trouble
        return web.Response(status=204)
