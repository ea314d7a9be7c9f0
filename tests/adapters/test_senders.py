"""Keys are read again, serve while the vault is away, and are never short; emitters.yaml is checked before its use."""

import asyncio
from pathlib import Path

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.keyvault.secrets import KeyVaultSecret

from chargeback.adapters.azure import key_vault
from chargeback.adapters.azure.key_vault import FixedKeys, VaultKeys
from chargeback.adapters.config.emitters import load_emitters
from chargeback.adapters.config.folders import path_of
from chargeback.domain.errors import InvalidConfig, StoreUnavailable
from chargeback.domain.events.emitters import EVENT_GRID, Emitter, keys_in
from chargeback.services.usage.senders import Senders
from stack.example import EXAMPLE_CONFIG
from tests.support.config_files import config_folder

pytestmark = pytest.mark.anyio
OLD, NEW = "o" * 32, "n" * 43


class Vault:
    """Key Vault's client, at the boundary to the vendor: it says what no vault of the local stack does."""

    def __init__(self, value: str | None) -> None:
        self.value = value
        self.asked = 0

    async def get_secret(self, name: str) -> KeyVaultSecret:
        self.asked += 1
        if self.value is None:
            raise ServiceRequestError(f"vault.example is away, looking for {name}")
        return KeyVaultSecret(properties=None, value=self.value)  # type: ignore[arg-type]


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_vault, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(key_vault, "RETRY_SECONDS", 0.0)


def keys_of(vault: Vault) -> VaultKeys:
    return VaultKeys(vault, "events-key")  # type: ignore[arg-type]


async def test_old_and_new_key_are_valid_while_one_replaces_the_other(no_wait: None) -> None:
    vault = Vault(OLD)
    senders = Senders([(EVENT_GRID, keys_of(vault))])
    valid = []
    for vault.value in (OLD, f"{NEW} {OLD}", NEW):
        valid.append([await senders.of_key(key) == EVENT_GRID for key in (OLD, NEW)])

    assert valid == [[True, False], [True, True], [False, True]]


async def test_the_last_known_keys_serve_while_the_vault_is_away(no_wait: None) -> None:
    vault = Vault(OLD)
    keys = keys_of(vault)
    before = await keys.current()

    vault.value = None
    away = await keys.current()
    vault.value = "short"
    spoilt = await keys.current()
    vault.value = NEW

    assert before == away == spoilt == (OLD,)
    assert await keys.current() == (NEW,)


async def test_keys_are_read_at_most_every_ten_minutes_and_a_vault_that_is_away_is_left_alone() -> None:
    there, away = Vault(OLD), Vault(None)
    for _ in range(5):
        await keys_of(there).current()
    keys, gone = keys_of(there), keys_of(away)
    there.asked = 0
    for _ in range(5):
        await keys.current()
        with pytest.raises(StoreUnavailable):
            await gone.current()

    assert (there.asked, away.asked) == (1, 1)


async def test_a_vault_that_hangs_is_waited_for_once_by_all_requests_together(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(Vault):
        async def get_secret(self, name: str) -> KeyVaultSecret:
            self.asked += 1
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

    monkeypatch.setattr(key_vault, "CALL_SECONDS", 0.05)
    vault = Hanging(OLD)
    keys = keys_of(vault)

    async with asyncio.timeout(5):
        told = await asyncio.gather(*(keys.current() for _ in range(50)), return_exceptions=True)

    assert {type(each) for each in told} == {StoreUnavailable}
    assert vault.asked == 1


async def test_one_sender_whose_keys_are_away_keeps_no_other_out() -> None:
    other = Emitter("other", ("/o",), ("s",))
    senders = Senders([(EVENT_GRID, keys_of(Vault(None))), (other, FixedKeys((OLD,)))])

    assert await senders.of_key(OLD) == other
    with pytest.raises(StoreUnavailable):
        await senders.of_key(NEW)


@pytest.mark.parametrize("secret", ["", "  ", "a", "x" * 31, f"{OLD} {NEW} {'z' * 32}", "é" * 40, f"{OLD} short"])
def test_keys_that_are_short_or_that_no_header_carries_are_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="key"):
        keys_in(secret)


def test_keys_may_be_on_lines_of_their_own() -> None:
    assert keys_in(f"{NEW}\n{OLD}\n") == (NEW, OLD)


def folder(tmp_path: Path, text: str) -> Path:
    config_folder(tmp_path)
    path_of(tmp_path, "gateway.yaml").write_text("subscriptions: [{id: search}, {id: research}]\n")
    path_of(tmp_path, "emitters.yaml").write_text(text)
    return tmp_path


def test_the_emitters_of_the_repository_are_valid() -> None:
    assert load_emitters(EXAMPLE_CONFIG) == ()


def test_a_folder_without_the_file_has_no_emitters(tmp_path: Path) -> None:
    assert load_emitters(tmp_path) == ()


def test_an_emitter_has_sources_subscriptions_and_an_age(tmp_path: Path) -> None:
    text = "emitters:\n  - {id: agents, sources: [/langchain/a], subscriptions: [research], maxAgeDays: 3}\n"

    (known,) = load_emitters(folder(tmp_path, text))

    assert known.has_key
    assert (known.emitter.id, known.emitter.sources, known.emitter.subscriptions) == (
        "agents",
        ("/langchain/a",),
        ("research",),
    )
    assert known.emitter.max_age is not None
    assert known.emitter.max_age.days == 3


GOOD = {"id": "a", "sources": "[/a]", "subscriptions": "[search]"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": "event-grid"}, r"emitters\[0\]\.id"),
        ({"id": '"A b"'}, r"emitters\[0\]\.id"),
        ({"sources": "[]"}, "sources: names none"),
        ({"sources": "[/apim/gw]"}, "is a gateway's"),
        ({"sources": "[response]"}, "is not a path"),
        ({"sources": "[/a, /a/b]"}, "overlap"),
        ({"subscriptions": "[]"}, "subscriptions: names none"),
        ({"subscriptions": "[serach]"}, "'serach' is not among"),
        ({"maxAgeDays": "0"}, "maxAgeDays"),
        ({"maxAgeDays": "400"}, "maxAgeDays"),
        ({"gateways": "[/langchain]"}, "not a gateway's source"),
        ({"key": "false"}, "appId has to say"),
        ({"appId": "x"}, "client id"),
        ({"keys": "[x]"}, "unknown field"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, change: dict[str, str], fault: str) -> None:
    fields = ", ".join(f"{name}: {value}" for name, value in (GOOD | change).items())

    with pytest.raises(InvalidConfig, match=fault) as refused:
        load_emitters(folder(tmp_path, f"emitters:\n  - {{{fields}}}\n"))

    assert all(each.startswith("emitters.yaml:") for each in refused.value.faults)
