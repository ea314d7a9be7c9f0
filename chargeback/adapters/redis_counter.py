"""The counter on Redis.

All keys of a day share a hash tag, so that one script may touch them under every clustering policy.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import msgspec
from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.auth.err import RequestTokenErr, TokenRenewalErr
from redis.backoff import ExponentialBackoff
from redis.credentials import CredentialProvider

from chargeback.domain.errors import CountFull, CountLost, StoreUnavailable
from chargeback.domain.events import Phase
from chargeback.domain.lines import from_text, line_id, to_text
from chargeback.domain.meters import Meter, Quantities
from chargeback.services.ports import MOST_LINES, MOST_QUANTITIES, Changed, CountedLine, Weighted

EVENTS_PER_CALL = 2_000
"""Redis answers nobody else while a script runs: at about 4 µs an event a call stays under 10 ms."""

LINES_PER_CALL = 500

EXPIRES_AFTER = timedelta(days=5)
"""Counted from the start of the day; longer than a day is open, so that no open day expires."""

_pack = msgspec.msgpack.Encoder().encode
_PENDING = Phase.PENDING
_FIELDS = [{meter: f"{hour:02}:{meter}" for meter in Meter} for hour in range(24)]
_BY_FIELD = {name: (hour, meter) for hour, names in enumerate(_FIELDS) for meter, name in names.items()}
_UNAVAILABLE = (exceptions.RedisError, OSError, asyncio.TimeoutError, RequestTokenErr, TokenRenewalErr)
"""Redis is away, or the app cannot sign in to it at the moment."""


def connect(url: str, *, credentials: CredentialProvider | None = None, connections: int = 32) -> Redis:
    """A client for `redis://` or `rediss://` with a bounded pool; every command times out after 5 s.

    RESP2 is asked for because it is what every server version and Azure Managed Redis accept.
    """
    extra: dict[str, Any] = {"connection_class": SSLConnection} if url.startswith("rediss://") else {}
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=5,
        socket_timeout=5,
        socket_connect_timeout=5,
        protocol=2,
        # A pool outlives its server: what it finds closed it opens again. Timeouts are left to the caller.
        retry=Retry(ExponentialBackoff(cap=1, base=0.1), 3, supported_errors=(exceptions.ConnectionError,)),
        credential_provider=credentials,
        **extra,
    )
    # The client signs in again on the pool's connections before a token ends, as long as it knows who gives them.
    client = Redis(connection_pool=pool, credential_provider=credentials)
    client.auto_close_connection_pool = True  # the pool is this client's own
    return client


def entra_credentials(client_id: str | None) -> CredentialProvider:
    """Sign in to Azure Managed Redis with the app's identity; tokens are renewed before they expire."""
    from redis_entraid.cred_provider import create_from_default_azure_credential

    return create_from_default_azure_credential(
        ("https://redis.azure.com/.default",),
        app_kwargs={"managed_identity_client_id": client_id} if client_id else {},
    )


class RedisCounter:
    """Counts in Redis; see `services.ports.Counter`."""

    def __init__(self, client: Redis, *, most_quantities: int = MOST_QUANTITIES, most_lines: int = MOST_LINES) -> None:
        self._most_quantities = most_quantities
        self._most_lines = most_lines
        # The stubs allow text in every answer; without decode_responses they are bytes.
        self._client: Any = client
        self._count = client.register_script(_script("count"))
        self._posted = client.register_script(_script("posted"))
        self._touch = client.register_script(_script("touch"))
        self._forget = client.register_script(_script("forget"))

    async def count(self, day: str, events: Sequence[Weighted]) -> Sequence[bool]:
        """Count each event unless its call is already accounted for."""
        flags: list[bool] = []
        left_out = 0
        async with _translated():
            for start in range(0, len(events), EVENTS_PER_CALL):
                answer = await self._run_count(day, events[start : start + EVENTS_PER_CALL])
                flags.extend(flag == 0x31 for flag in answer)
                left_out += answer.count(b"2")
        if left_out:
            raise CountFull(day, flags, left_out)
        return flags

    async def _run_count(self, day: str, events: Sequence[Weighted]) -> bytes:
        answer: bytes = await self._count(
            keys=_keys(day, "meta", "seen", "lines", "dirty", "spend", "pending"),
            args=[
                _packed(events),
                secrets.token_hex(8),
                _expiry(day),
                _key(day, "line:"),
                sum(sum(each.event.quantities.values()) for each in events),
                self._most_quantities,
                self._most_lines,
            ],
        )
        return answer

    async def epoch(self, day: str) -> str | None:
        """The day's identity."""
        async with _translated():
            value = await self._client.hget(_key(day, "meta"), "epoch")
        return value.decode() if value else None

    async def begin(self, day: str) -> str:
        """The day's identity, made where it has none."""
        async with _translated():
            await self._run_count(day, [])
        epoch = await self.epoch(day)
        if epoch is None:
            raise CountLost(f"{day} was lost as soon as it was begun")
        return epoch

    async def changed(self, day: str) -> Changed | None:
        """The lines to post."""
        async with _translated(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.hmget(_key(day, "meta"), ["epoch", "version"])
            pipeline.hgetall(_key(day, "dirty"))
            (epoch, version), dirty = await pipeline.execute()
        if epoch is None:
            return None
        lines = {identity.decode(): int(version) for identity, version in dirty.items()}
        return Changed(epoch.decode(), lines, int(version or 0))

    async def lines(self, day: str, epoch: str, line_ids: Sequence[str]) -> list[CountedLine]:
        """What is counted now under these lines."""
        found: list[CountedLine] = []
        for start in range(0, len(line_ids), LINES_PER_CALL):
            found += await self._some_lines(day, epoch, line_ids[start : start + LINES_PER_CALL])
        return found

    async def _some_lines(self, day: str, epoch: str, line_ids: Sequence[str]) -> list[CountedLine]:
        async with _translated(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.hget(_key(day, "meta"), "epoch")
            pipeline.hmget(_key(day, "lines"), line_ids)
            for identity in line_ids:
                pipeline.hgetall(_key(day, f"line:{identity}"))
            now, texts, *counts = await pipeline.execute()
        if now is None or now.decode() != epoch or None in texts:
            raise CountLost(f"{day} is no longer counted under epoch {epoch}")
        return [
            CountedLine(identity, from_text(text), _hours(fields))
            for identity, text, fields in zip(line_ids, texts, counts, strict=True)
        ]

    async def posted(self, day: str, epoch: str, lines: Mapping[str, int]) -> None:
        """These versions are in the books."""
        pairs = list(lines.items())
        async with _translated():
            for start in range(0, len(pairs), LINES_PER_CALL):
                flat = [part for pair in pairs[start : start + LINES_PER_CALL] for part in pair]
                await self._posted(keys=_keys(day, "meta", "dirty"), args=[epoch, *flat])

    async def touch(self, day: str) -> int:
        """Mark every line of the day as changed."""
        async with _translated():
            return int(await self._touch(keys=_keys(day, "meta", "lines", "dirty"), args=[_expiry(day)]))

    async def forget(self, day: str) -> None:
        """Drop all that is counted of the day."""
        async with _translated():
            await self._forget(
                keys=_keys(day, "lines", "meta", "seen", "dirty", "spend", "pending"), args=[_key(day, "line:")]
            )

    async def pending(self, day: str) -> list[bytes]:
        """The raw events of calls whose tokens are not known yet."""
        async with _translated():
            return list(await self._client.hvals(_key(day, "pending")))

    async def known(self, day: str, calls: Sequence[str]) -> Sequence[bool] | None:
        """Whether each of these calls is accounted for on the day."""
        if await self.epoch(day) is None:
            return None
        found: list[bool] = []
        async with _translated():
            for start in range(0, len(calls), EVENTS_PER_CALL):
                some = calls[start : start + EVENTS_PER_CALL]
                found += [_accounts(state) for state in await self._client.hmget(_key(day, "seen"), list(some))]
        return found

    async def spend(self, day: str) -> dict[str, int]:
        """Budget scope → picodollars."""
        async with _translated():
            found = await self._client.hgetall(_key(day, "spend"))
        return {scope.decode(): int(picodollars) for scope, picodollars in found.items()}

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless Redis answers."""
        async with _translated():
            await self._client.ping()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except _UNAVAILABLE as error:
        raise StoreUnavailable(f"Redis: {error or type(error).__name__}") from error


def _script(name: str) -> str:
    return resources.files("chargeback.adapters").joinpath("lua", f"{name}.lua").read_text("utf-8")


def _key(day: str, part: str) -> str:
    return f"chargeback:{{{day}}}:{part}"


def _keys(day: str, *parts: str) -> list[str]:
    return [_key(day, part) for part in parts]


def _expiry(day: str) -> int:
    return int((datetime.fromisoformat(day).replace(tzinfo=UTC) + EXPIRES_AFTER).timestamp())


def _packed(events: Sequence[Weighted]) -> bytes:
    lines: list[tuple[str, str, tuple[str, ...]]] = []
    # Events of one line mostly share the very same object, whose identity costs no hashing; where they do not, the
    # line is in the batch twice, and the script adds both up.
    numbers: dict[int, int] = {}
    packed: list[list[object]] = []
    for event, scopes, picodollars in events:
        call, phase, _, hour, line, quantities, raw = event
        number = numbers.get(id(line))
        if number is None:
            lines.append((line_id(line), to_text(line), scopes))
            number = numbers[id(line)] = len(lines)
        # The script's MessagePack knows text only.
        entry: list[object] = [call, phase, number, picodollars, raw.decode() if phase is _PENDING else ""]
        fields = _FIELDS[hour]
        for meter, quantity in quantities.items():
            entry += (fields[meter], quantity)
        packed.append(entry)
    return _pack((lines, packed))


def _accounts(state: bytes | None) -> bool:
    """Whether a call with this state in `seen` has an event of its own."""
    return state == b"F" or (state is not None and _phase_in(state) > Phase.BESIDE)


def _phase_in(state: bytes) -> int:
    return int(msgspec.msgpack.decode(state)[0])


def _hours(fields: Mapping[bytes, bytes]) -> dict[int, Quantities]:
    hours: dict[int, Quantities] = {}
    for name, text in fields.items():
        quantity = int(text)
        if quantity:
            hour, meter = _BY_FIELD[name.decode()]
            hours.setdefault(hour, {})[meter] = quantity
    return hours
