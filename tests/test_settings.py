"""Every setting is validated at start, and what is wrong with it is said with its name."""

import json
from pathlib import Path

import pytest

from chargeback.domain.errors import InvalidConfig
from chargeback.former_names import FORMER_SETTINGS, adopt_former_names
from chargeback.settings import Settings, read_settings, read_what_is_set, setting_name

ROOT = Path(__file__).parents[1]
GOOD = {
    "CHARGEBACK_STORAGE_ACCOUNT_URL": "https://account.blob.core.windows.net/",
    "CHARGEBACK_COSMOS_ENDPOINT": "https://account.documents.azure.com:443",
    "CHARGEBACK_REDIS_URL": "rediss://cache.region.redis.azure.net:10000",
    "CHARGEBACK_EVENTS_KEY": "the-events-key-of-32-characters-x",
}
OWN = "11111111-2222-3333-4444-555555555555"
NAMES = {setting_name(name) for name in Settings.model_fields}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def faults() -> list[str]:
    with pytest.raises(InvalidConfig) as invalid:
        read_settings()
    return invalid.value.faults


def test_the_least_settings_are_enough_and_the_others_have_defaults() -> None:
    settings = read_settings()

    assert settings.storage_account_url == "https://account.blob.core.windows.net"
    assert settings.cosmos_database == "chargeback"
    assert settings.post_schedule == "0 */15 * * * *"
    assert settings.report_decimals == 6


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHARGEBACK_STORAGE_ACCOUNT_URL", "http://account.blob.core.windows.net"),
        ("CHARGEBACK_STORAGE_ACCOUNT_URL", "account"),
        ("CHARGEBACK_STORAGE_ACCOUNT_URL", "https://"),
        ("CHARGEBACK_STORAGE_ACCOUNT_URL", "https://host:port"),
        ("CHARGEBACK_STORAGE_ACCOUNT_URL", "https://[::1"),
        ("CHARGEBACK_COSMOS_ENDPOINT", "http://127.0.0.1:8081"),
        ("CHARGEBACK_REDIS_URL", "127.0.0.1:6379"),
        ("CHARGEBACK_REDIS_URL", "redis://127.0.0.1:port"),
        ("CHARGEBACK_REDIS_URL", "redis://127.0.0.1:99999"),
        ("CHARGEBACK_REDIS_URL", "redis://cache.region.redis.azure.net:10000"),
        ("CHARGEBACK_REDIS_URL", "rediss://:secret@cache:10000"),
        ("CHARGEBACK_KEY_VAULT_URL", "vault"),
        ("POST_SCHEDULE", "*/15 * * * *"),
        ("AUDIT_SCHEDULE", "nightly"),
        ("PUBLISH_SCHEDULE", "0 0 4 * * * *"),
        ("REPORT_DECIMALS", "13"),
        ("REPORT_DECIMALS", "-1"),
        ("REPORT_DECIMALS", "six"),
        ("MAX_EVENT_AGE_DAYS", "0"),
        ("CLOCK_SKEW_MINUTES", "1441"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    (fault,) = faults()

    assert fault.startswith(f"{name}: ")
    assert "secret" not in fault


def test_every_missing_setting_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHARGEBACK_STORAGE_ACCOUNT_URL", "CHARGEBACK_COSMOS_ENDPOINT", "CHARGEBACK_REDIS_URL"):
        monkeypatch.delenv(name)

    assert sorted(faults()) == [
        "CHARGEBACK_COSMOS_ENDPOINT: is not set",
        "CHARGEBACK_REDIS_URL: is not set",
        "CHARGEBACK_STORAGE_ACCOUNT_URL: is not set",
    ]


def test_missing_and_wrong_settings_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGEBACK_COSMOS_ENDPOINT", "")
    monkeypatch.setenv("CHARGEBACK_REDIS_URL", "nowhere")

    assert [fault.split(":")[0] for fault in sorted(faults())] == ["CHARGEBACK_COSMOS_ENDPOINT", "CHARGEBACK_REDIS_URL"]


def test_a_command_may_miss_a_setting_but_have_no_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GOOD:
        monkeypatch.delenv(name)

    assert read_what_is_set().redis_url is None
    monkeypatch.setenv("CHARGEBACK_REDIS_URL", "nowhere")
    with pytest.raises(InvalidConfig, match="CHARGEBACK_REDIS_URL: 'nowhere' is not a redis"):
        read_what_is_set()


def test_the_events_door_is_never_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHARGEBACK_EVENTS_KEY")

    (fault,) = faults()

    assert "set CHARGEBACK_KEY_VAULT_URL or CHARGEBACK_EVENTS_KEY" in fault


def test_a_key_vault_serves_instead_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHARGEBACK_EVENTS_KEY")
    monkeypatch.setenv("CHARGEBACK_KEY_VAULT_URL", "https://vault.vault.azure.net/")

    assert read_settings().key_vault_url == "https://vault.vault.azure.net"


def test_the_events_key_is_never_printed() -> None:
    assert "the-events-key-of-32-characters-x" not in repr(read_settings())


def test_the_sample_settings_name_every_setting_and_no_other() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]

    of_host = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage", "AzureWebJobsDisableHomepage"}
    assert sample.keys() - of_host == NAMES


def test_the_sample_settings_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in json.loads((ROOT / "local.settings.sample.json").read_text())["Values"].items():
        monkeypatch.setenv(name, value)

    assert read_settings().events_key is not None


@pytest.mark.parametrize("address", ["http://gateway.example/budgets", "gateway", "https://"])
def test_decisions_are_sent_over_tls_or_on_this_machine(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DECISIONS_ENDPOINTS", json.dumps({"eastus2": address}))

    (fault,) = faults()

    assert fault.startswith("DECISIONS_ENDPOINTS.EASTUS2: ")


def test_decisions_are_sent_with_a_token_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECISIONS_ENDPOINTS", json.dumps({"eastus2": "https://gateway.example/budgets/decisions/"}))

    told = faults()
    for name, value in {"OWNERS_AUDIENCE": "api://a", "OWNERS_CLIENT_ID": OWN, "ENTRA_TENANT_ID": OWN}.items():
        monkeypatch.setenv(name, value)

    assert told == ["settings: set OWNERS_AUDIENCE, too, so that the gateways may be told what budgets decide"]
    assert read_settings().decisions_endpoints == {"eastus2": "https://gateway.example/budgets/decisions"}


def test_the_gateway_may_ask_with_tenant_audience_and_client_id_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNERS_AUDIENCE", "api://a")
    told = faults()
    monkeypatch.setenv("ENTRA_TENANT_ID", OWN)
    monkeypatch.setenv("OWNERS_CLIENT_ID", OWN)

    assert told == [
        "settings: set ENTRA_TENANT_ID, OWNERS_CLIENT_ID, too, so that the gateway may ask who owns an object"
    ]
    assert read_settings().owners_client_id == OWN


def test_people_sign_in_to_a_registration_of_the_tenant_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_CLIENT_ID", OWN)
    told = faults()
    monkeypatch.setenv("ENTRA_TENANT_ID", OWN)

    assert told == ["settings: set ENTRA_TENANT_ID, too, so that people may sign in to API_CLIENT_ID"]
    assert read_settings().api_client_id == OWN


@pytest.mark.parametrize(
    "url",
    [
        "http://costs.example.com",
        "costs.example.com",
        "https://costs.example.com/pages",
        "https://costs.example.com?a=b",
        "https://costs.example.com#a",
        "https://ann@costs.example.com",
        "https://",
    ],
)
def test_the_pages_have_a_host_of_their_own_over_tls(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PAGES_URL", url)

    assert faults()[0].startswith("PAGES_URL: ")


@pytest.mark.parametrize(
    ("given", "read"),
    [("https://Costs.Example.com/", "https://costs.example.com"), ("http://localhost:7071", "http://localhost:7071")],
)
def test_the_address_of_the_pages_is_read_as_browsers_name_it(
    monkeypatch: pytest.MonkeyPatch, given: str, read: str
) -> None:
    monkeypatch.setenv("PAGES_URL", given)

    assert read_settings().pages_url == read


def test_people_sign_in_to_the_pages_with_a_key_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"API_CLIENT_ID": OWN, "ENTRA_TENANT_ID": OWN, "PAGES_URL": "https://a.example"}.items():
        monkeypatch.setenv(name, value)
    told = faults()
    monkeypatch.setenv("PAGE_SESSION_KEY", "a-key-that-is-too-short-when-it-is-decoded")
    weak = faults()
    monkeypatch.setenv("PAGE_SESSION_KEY", "A" * 43)

    assert told == ["settings: set CHARGEBACK_KEY_VAULT_URL or PAGE_SESSION_KEY, too, so that people may sign in"]
    assert weak == ["settings: PAGE_SESSION_KEY: a key is not 32 or more bytes in base64 for URLs"]
    assert read_settings().seal_keys == ("A" * 43,)
    assert "AAAA" not in repr(read_settings())


def test_a_client_id_of_another_form_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNERS_CLIENT_ID", "gateway")

    assert "OWNERS_CLIENT_ID" in faults()[0]


def test_a_setting_under_its_former_name_is_read_with_a_warning_that_names_the_present_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for former, present in FORMER_SETTINGS.items():
        monkeypatch.setenv(former, GOOD.get(present, ""))
        monkeypatch.delenv(present, raising=False)

    read = [read_settings().redis_url for _ in range(2)]

    assert read == ["rediss://cache.region.redis.azure.net:10000"] * 2
    told = [json.loads(record.message) for record in caplog.records]
    assert {(line["former"], line["present"]) for line in told} == {
        (former, present) for former, present in FORMER_SETTINGS.items() if present in GOOD
    }
    assert len(told) == len(GOOD)


def test_a_setting_with_another_value_under_its_former_name_is_refused_without_telling_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EVENTS_KEY", "another-key-of-32-characters-too-x")

    (fault,) = faults()

    assert fault == "CHARGEBACK_EVENTS_KEY: EVENTS_KEY, its former name, has another value; take EVENTS_KEY away"


def test_the_same_value_under_both_names_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"REDIS_URL": "a", "CHARGEBACK_REDIS_URL": "a", "CONFIG_DIR": "", "CHARGEBACK_CONFIG_DIR": "b"}

    assert adopt_former_names(environment, FORMER_SETTINGS) == {}
    assert environment["CHARGEBACK_CONFIG_DIR"] == "b"
