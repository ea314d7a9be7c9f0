"""The audit log on the real stores: two instances at once, answers that are lost, throttling, anchors that stay."""

import asyncio

import pytest
from azure.core.exceptions import HttpResponseError

from chargeback.adapters.azure.audit_entries import CosmosAuditEntries
from chargeback.adapters.azure.key_vault import VaultVersions
from chargeback.bootstrap import Container, open_container
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.audit_log.chain import Anchor
from chargeback.domain.errors import PeriodClosed, StoreUnavailable
from chargeback.services.audit_log.audit_log import AuditLog
from chargeback.services.audit_log.verify_log import anchor_log, verify_log
from chargeback.settings import read_what_is_set
from stack.clear import clear_cosmos
from stack.provision import call
from stack.stack import Stack
from tests.support.audit_log import KIM, NOW, entries_in, faults_in, ticking
from tests.support.command_line import found_by

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


def inject(stack: Stack, **fault: object) -> None:
    call(stack.site, "POST", f"{stack.url('cosmos')}/_faults", body={"path": "audit-log/docs", **fault})


@pytest.fixture
def entries(clean_stores: Stack, container: Container) -> CosmosAuditEntries:
    return container.audit_entries


async def replay(log: AuditLog, target: str) -> None:
    async with log.change(KIM, Act.REPLAY_EVENTS, target):
        pass


async def test_two_instances_that_write_at_once_keep_one_chain(clean_stores: Stack) -> None:
    async with open_container(read_what_is_set()) as one, open_container(read_what_is_set()) as other:
        logs = [AuditLog(each.audit_entries, ticking()) for each in (one, other)]
        await asyncio.gather(*(replay(log, f"{n}") for log in logs for n in range(6)))

        found = await entries_in(one.audit_entries)
        assert await faults_in(one.audit_entries) == []
        assert len(found) == 24
        assert len({each.writer for each in found}) == 2


async def test_an_entry_whose_answer_is_lost_is_written_once_and_known_as_the_own(
    clean_stores: Stack, entries: CosmosAuditEntries
) -> None:
    log = AuditLog(entries, ticking())
    await replay(log, "before")
    inject(clean_stores, afterCommit=True, on="write")

    await replay(log, "lost")
    await replay(log, "after")

    assert await faults_in(entries) == []
    assert [each.target for each in await entries_in(entries)] == ["before"] * 2 + ["lost"] * 2 + ["after"] * 2


async def test_throttling_is_waited_out(clean_stores: Stack, entries: CosmosAuditEntries) -> None:
    inject(clean_stores, status=429, retryAfterMs=10, count=3, on="write")

    await replay(AuditLog(entries, ticking()), "day:a")

    assert await faults_in(entries) == []
    assert len(await entries_in(entries)) == 2


async def test_a_store_that_refuses_keeps_the_change_from_being_made_and_the_chain_whole(
    clean_stores: Stack, entries: CosmosAuditEntries
) -> None:
    log = AuditLog(entries, ticking())
    inject(clean_stores, status=500, on="write", count=5)

    with pytest.raises(StoreUnavailable):
        async with log.change(KIM, Act.REPLAY_EVENTS, "day:a"):
            pytest.fail("it must not come here")
    call(clean_stores.site, "DELETE", f"{clean_stores.url('cosmos')}/_faults")
    await replay(log, "day:b")

    assert await faults_in(entries) == []
    assert {each.target for each in await entries_in(entries)} == {"day:b"}


async def test_the_app_itself_can_neither_change_nor_remove_an_entry(entries: CosmosAuditEntries) -> None:
    await replay(AuditLog(entries, ticking()), "day:a")
    before = await entries.get(1)
    inner = entries._container

    for forbidden in (
        lambda: inner.upsert_item({"id": "000000000001", "part": "00000000"}),
        lambda: inner.replace_item("000000000001", {"id": "000000000001", "part": "00000000"}),
        lambda: inner.delete_item("000000000001", partition_key="00000000"),
    ):
        with pytest.raises(HttpResponseError) as refused:
            await forbidden()
        assert refused.value.status_code == 403

    assert await entries.get(1) == before


async def test_an_anchor_is_not_written_over(container: Container, entries: CosmosAuditEntries) -> None:
    await replay(AuditLog(entries, ticking()), "day:a")
    await anchor_log(await verify_log(entries, container.anchors, NOW), container.anchors)

    with pytest.raises(PeriodClosed):
        await container.anchors.write(Anchor(number=2, hash="0" * 64, at=NOW))

    verified = await verify_log(entries, container.anchors, NOW)
    assert (verified.anchors, verified.anchored, verified.faults) == (1, 2, ())


async def test_an_auditor_is_told_which_entry_somebody_changed_by_one_byte(
    clean_stores: Stack, container: Container, entries: CosmosAuditEntries
) -> None:
    log = AuditLog(entries, ticking())
    for day in ("day:a", "day:b", "day:c"):
        await replay(log, day)
    kept = [document async for page in entries.forwards() for document in page]
    clear_cosmos(clean_stores.site)  # as somebody with all rights over the account; the app itself changes nothing

    for document in kept:
        own = {name: value for name, value in document.items() if not name.startswith("_")}
        text = own["text"].replace("day:b", "day:x") if own["id"].endswith("3") else own["text"]
        await entries._container.create_item({**own, "part": "00000000", "text": text})
    told = await asyncio.to_thread(found_by, "audit-log", "verify")

    assert "entry 3: changed: its text does not have its hash" in told.splitlines()


async def test_the_vault_says_which_version_a_key_has_and_none_for_one_that_is_not_there(stack: Stack) -> None:
    with Stack(services=["vault"], beside=stack) as servers:
        settings = read_what_is_set().model_copy(update={"key_vault_url": servers.url("vault")})
        async with open_container(settings) as container:
            versions = VaultVersions(lambda: container.vault)
            first, again = [await versions.newest("events-key") for _ in range(2)]
            missing = await versions.newest("nobodys-key")

    assert first == again
    assert first.version
    assert first.created
    assert missing.version == ""
