"""Keys come from a vault that asks for a token, gives them to whom a role allows it, and may hang or be away."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from azure.identity.aio import DefaultAzureCredential

from chargeback.adapters.azure import key_vault
from chargeback.adapters.azure.key_vault import VaultKeys, connect
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.access.seal_keys import seal_keys_in
from stack.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


@pytest.fixture(scope="module")
def vault(stack: Stack) -> Iterator[Stack]:
    with Stack(services=["vault"], beside=stack) as servers:
        yield servers


@pytest.fixture
async def keys(vault: Stack) -> AsyncIterator[VaultKeys]:
    async with DefaultAzureCredential() as credential, connect(vault.url("vault"), credential) as client:
        yield VaultKeys(client, "events-key")


async def test_the_app_reads_the_key_with_its_own_token(vault: Stack, keys: VaultKeys) -> None:
    assert await keys.current() == (vault.site.events_key,)


async def test_a_new_secret_is_known_before_its_time_to_whoever_misses_a_key_but_not_more_often(
    vault: Stack, keys: VaultKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keys.current()
    asked = 0
    read = keys._read

    async def counted() -> None:
        nonlocal asked
        asked += 1
        await read()

    monkeypatch.setattr(keys, "_read", counted)
    for _ in range(5):
        assert await keys.renewed() == (vault.site.events_key,)
    soon = asked
    monkeypatch.setattr(key_vault, "RETRY_SECONDS", 0.0)
    await keys.renewed()

    assert (soon, asked) == (0, 1)


async def test_the_pages_read_their_key_likewise(vault: Stack) -> None:
    async with DefaultAzureCredential() as credential, connect(vault.url("vault"), credential) as client:
        keys = await VaultKeys(client, "page-session-key", seal_keys_in).current()

    assert keys == (vault.site.page_session_key,)


async def test_a_vault_that_hangs_is_told_in_time_and_the_last_known_keys_serve(
    vault: Stack, keys: VaultKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_vault, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(key_vault, "CALL_SECONDS", 1.0)
    known = await keys.current()
    async with DefaultAzureCredential() as credential, connect(vault.url("vault"), credential) as client:
        new = VaultKeys(client, "events-key")
        vault.pause("vault")
        try:
            async with asyncio.timeout(10):
                assert await keys.current() == known
                with pytest.raises(StoreUnavailable):
                    await new.current()
        finally:
            vault.resume("vault")


async def test_an_identity_without_the_role_reads_no_key(vault: Stack) -> None:
    with vault.acting_as("gateway"):
        async with DefaultAzureCredential() as credential, connect(vault.url("vault"), credential) as client:
            with pytest.raises(StoreUnavailable, match="not authorized"):
                await VaultKeys(client, "events-key").current()
