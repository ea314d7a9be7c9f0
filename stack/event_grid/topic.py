"""The server of the Event Grid topic's stand-in: takes published events and passes them to each subscription.

Run as `python -m stack.event_grid.topic --port N --cert FILE --key FILE --signing-key FILE` with
EVENT_GRID_TOPIC_KEY in the environment. The queue is in memory.
Control: GET /_status, POST /_subscriptions, POST /_pace {"duplicates": 0.1, "shuffle": 0.05}, and
POST /_clock {"advance": 3600}, which turns the topic's clock on by so many seconds.
"""

import argparse
import asyncio
import hmac
import logging
import os
import ssl
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import msgspec
import uvloop
from aiohttp import web

from stack.event_grid.clock import Clock
from stack.event_grid.dead_letters import DeadLetterWriter
from stack.event_grid.delivery import Delivery, Pace, Subscription
from stack.event_grid.events import MAX_BYTES, RefusedError, parse
from stack.identity.permissions import may
from stack.identity.tokens import Signer, load_signer

SEND = "Microsoft.EventGrid/events/send/action"
AUDIENCES = ["https://eventgrid.azure.net", "https://eventgrid.azure.net/"]


class Topic:
    """One topic: who may publish, and where its events go."""

    def __init__(self, name: str, signer: Signer, key: str, dead_letters: str, clock: Clock) -> None:
        self._name = name
        self._signer = signer
        self._key = key
        self.pace = Pace()
        self.clock = clock
        self.deliveries: dict[str, Delivery] = {}
        self.dead = DeadLetterWriter(dead_letters, clock)
        self.counts: Counter[str] = Counter()
        self.session: aiohttp.ClientSession

    def authorize(self, request: web.Request) -> None:
        """Accept the topic's key or a bearer token for Event Grid; raise `RefusedError` otherwise."""
        key = request.headers.get("aeg-sas-key")
        if key is not None:
            if not hmac.compare_digest(key.encode(), self._key.encode()):
                raise RefusedError(401, "The request authorization key is not authorized for this topic.")
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise RefusedError(401, "Request must contain aeg-sas-key or Authorization: Bearer.")
        try:
            sender = str(self._signer.verify(token, AUDIENCES)["appid"])
        except jwt.InvalidTokenError as error:
            raise RefusedError(401, f"The bearer token is not valid: {error}") from error
        if not may(sender, self._name, SEND):
            raise RefusedError(401, f"The principal {sender!r} has no permission to send data to this topic: {SEND}")

    async def publish(self, request: web.Request) -> web.Response:
        """Take one event or a batch."""
        try:
            self.authorize(request)
            if request.query.get("api-version") != "2018-01-01":
                raise RefusedError(400, "api-version must be 2018-01-01")
            if (request.content_length or 0) > MAX_BYTES:
                raise RefusedError(413, f"the request is larger than {MAX_BYTES} bytes")
            events = parse(await request.read(), request.content_type)
        except RefusedError as refusal:
            return _error(refusal)
        now = self.clock.now()
        self.counts["published"] += len(events)
        for delivery in self.deliveries.values():
            for body, kind in events:
                delivery.accept(body, kind, now)
        return web.Response()

    async def subscribe(self, request: web.Request) -> web.Response:
        """Add or replace a subscription, after its endpoint has agreed."""
        try:
            subscription = msgspec.json.decode(await request.read(), type=Subscription)
            delivery = Delivery(subscription, self.pace, self.clock, self.session, self.dead.add)
            try:
                await delivery.handshake()
            except ValueError:
                await delivery.close()
                raise
        except ValueError as error:  # msgspec's validation errors are ValueErrors too
            return _error(RefusedError(400, str(error)))
        if old := self.deliveries.get(subscription.name):
            await old.close()
        self.deliveries[subscription.name] = delivery
        return web.json_response({"name": subscription.name}, status=201)

    async def status(self, _request: web.Request) -> web.Response:
        """Say how many events were published, and where they are."""
        dead = {"waiting": self.dead.waiting, "written": self.dead.written, "dropped": self.dead.dropped}
        subscriptions = {name: delivery.status() for name, delivery in self.deliveries.items()}
        return web.json_response(
            {"published": self.counts["published"], "subscriptions": subscriptions, "deadLetters": dead}
        )

    async def set_pace(self, request: web.Request) -> web.Response:
        """Change how duplicates, disorder and the acknowledgement window are played."""
        given = await request.json()
        names = {"duplicates": "duplicates", "shuffle": "shuffle", "acknowledgeWithin": "acknowledge_within"}
        if strange := [name for name in given if name not in names]:
            return _error(RefusedError(400, f"unknown: {', '.join(strange)}; known: {', '.join(names)}"))
        self.pace = replace(self.pace, **{names[name]: float(value) for name, value in given.items()})
        for delivery in self.deliveries.values():
            delivery.pace = self.pace
        return web.json_response(given)

    async def turn_clock(self, request: web.Request) -> web.Response:
        """Turn the topic's clock on."""
        seconds = float((await request.json()).get("advance", 0))
        if seconds < 0:
            return _error(RefusedError(400, "time does not run backwards"))
        self.clock.turn(seconds)
        return web.json_response({"now": self.clock.now().isoformat()})

    async def run(self, _app: web.Application) -> Any:
        """Hold the client session and the dead-letter writer while the server runs."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as self.session:
            writer = asyncio.create_task(self.dead.run())
            yield
            writer.cancel()
            await asyncio.gather(writer, *(each.close() for each in self.deliveries.values()), return_exceptions=True)


def _error(refusal: RefusedError) -> web.Response:
    code = {400: "BadRequest", 401: "Unauthorized", 413: "PayloadTooLarge"}[refusal.status]
    return web.json_response({"error": {"code": code, "message": str(refusal), "details": []}}, status=refusal.status)


def make_app(topic: Topic) -> web.Application:
    """Return the topic's server."""
    app = web.Application(client_max_size=MAX_BYTES + 1)
    app.cleanup_ctx.append(topic.run)
    app.add_routes(
        [
            web.post("/api/events", topic.publish),
            web.get("/_status", topic.status),
            web.post("/_subscriptions", topic.subscribe),
            web.post("/_pace", topic.set_pace),
            web.post("/_clock", topic.turn_clock),
        ]
    )
    return app


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    for name in ("--cert", "--key", "--signing-key"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--rate", type=float, default=1.0, help="how much faster than the machine's its clock runs")
    parser.add_argument("--topic", default="topic", help="which topic of roles.bicep it is")
    parser.add_argument("--dead-letters", default="dead-letter", help="the container of its dead letters")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(arguments.cert, arguments.key)
    clock = Clock(arguments.rate)
    key = os.environ["EVENT_GRID_TOPIC_KEY"]
    topic = Topic(arguments.topic, load_signer(arguments.signing_key), key, arguments.dead_letters, clock)
    app, loop = make_app(topic), uvloop.new_event_loop()
    port = arguments.port
    web.run_app(
        app,
        host="127.0.0.1",
        port=port,
        ssl_context=tls,
        loop=loop,
        print=None,
        access_log=None,
        shutdown_timeout=2,
    )


if __name__ == "__main__":
    main()
