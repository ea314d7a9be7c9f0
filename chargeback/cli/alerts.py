"""Alerts on the command line: whether a channel reaches those whom it should."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.options import Json
from chargeback.cli.signed_in import acting
from chargeback.cli.terminal import run
from chargeback.domain.access.permissions import Permission
from chargeback.domain.alerts.message import trial_message
from chargeback.domain.errors import ChargebackError, StoreUnavailable

app = typer.Typer(help="What people are told, and over which channels.", no_args_is_help=True)


_STORE_SECONDS = 10.0


class TriedChannel(Answer, frozen=True):
    """What `alerts test` did; `look_for` is what somebody should see now."""

    channel: str
    look_for: str


@app.callback()
def alerts() -> None:
    """Keep the commands below a word of their own."""


@app.command("test")
def try_channel(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Its id in alerts.yaml.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Send one message to a channel, and say what to look for.

    Some services answer also where they show nothing, so look. It needs what the channel needs: Key Vault, or the
    secret in ALERT_SECRETS. Where API_CLIENT_ID is not set, nobody can sign in: then it only sends the message, and a
    channel that was given up still is.
    """

    async def work(container: Container) -> None:
        channels = container.alert_channels
        if channel not in channels:
            known = ", ".join(channels) or "none"
            raise typer.BadParameter(f"{channel!r} is not the id of a channel in alerts.yaml; there are {known}")
        is_registered = container.settings.api_client_id is not None
        if is_registered:
            await acting(container, Permission.REPAIR)
        outcome = await channels[channel].send(trial_message(uuid4().hex, datetime.now(UTC)))
        if not outcome.is_told:
            raise ChargebackError(f"{channel}: not sent: {outcome.fault}")
        if is_registered:
            await _use_again(container, channel)
        tried = TriedChannel(channel, channels[channel].look_for)
        answer(tried, _lines(tried), as_json=as_json)

    run(work)


async def _use_again(container: Container, channel: str) -> None:
    """A channel that asked for nothing more gets alerts again. Where no outbox is near, there is nothing to change."""
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            await container.channel_states.reopen(channel)
    except (StoreUnavailable, TimeoutError) as error:
        typer.echo(f"{channel}: if it was given up, it still is: {error or 'the outbox does not answer'}", err=True)


def _lines(tried: TriedChannel) -> Iterator[str]:
    yield f"{tried.channel}: the service took the message."
    yield f"Look for: {tried.look_for}"
