"""alerts.yaml is read strictly: every fault is told at once, with its place, and no secret is ever in it."""

from datetime import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from chargeback.adapters.config.alert_channels import (
    EmailSetup,
    EventsSetup,
    PagingSetup,
    SlackSetup,
    SmtpSetup,
    TeamsSetup,
    WebhookSetup,
    is_allowed,
)
from chargeback.adapters.config.alerts import AlertSettings, alert_settings, load_alerts
from chargeback.adapters.config.folders import path_of
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.subscriptions import AlertSubscription, DigestTimes, QuietHours
from chargeback.domain.alerts.tolerances import AlertTolerances
from chargeback.domain.errors import InvalidConfig
from stack.example import EXAMPLE_CONFIG
from tests.support.config_files import config_folder

TEAMS = {"id": "finops", "kind": "teams", "secret": "alerts-finops"}
TREE = frozenset({"product", "product/support", "research"})


def read(**sections: Any) -> AlertSettings:
    faults: list[str] = []
    found = alert_settings({"channels": [], "subscriptions": [], **sections}, TREE, faults)
    assert faults == []
    return found


def faults_of(**sections: Any) -> list[str]:
    faults: list[str] = []
    alert_settings({"channels": [], "subscriptions": [], **sections}, TREE, faults)
    return faults


def channel_faults(**channel: Any) -> list[str]:
    return faults_of(allowedHosts=["example.com"], channels=[{"id": "one", **channel}])


def subscription_faults(**subscription: Any) -> list[str]:
    return faults_of(channels=[TEAMS], subscriptions=[{"id": "one", "channel": "finops", **subscription}])


def test_the_shipped_file_tells_nobody_anything() -> None:
    assert load_alerts(EXAMPLE_CONFIG) == AlertSettings()


def test_the_example_in_the_shipped_file_is_valid() -> None:
    text = path_of(EXAMPLE_CONFIG, "alerts.yaml").read_text()
    example = text[text.index("# timeZone: Europe") : text.index("\nchannels: []")]
    document = yaml.safe_load("\n".join(line.removeprefix("# ") for line in example.splitlines()))

    found = read(**document)

    assert [each.id for each in found.channels] == ["finops", "on-call", "support-leads", "data-platform"]
    assert len(found.plan.subscriptions) == 4


def test_without_a_file_nobody_is_told_anything(tmp_path: Path) -> None:
    assert load_alerts(config_folder(tmp_path)) == AlertSettings()


def test_each_kind_of_channel_is_read_with_what_it_needs() -> None:
    found = read(
        allowedHosts=["example.com"],
        channels=[
            TEAMS,
            {"id": "slack", "kind": "slack", "secret": "s"},
            {"id": "on-call", "kind": "jira-service-management", "secret": "k"},
            {"id": "mail", "kind": "email", "to": ["a@example.org"]},
            {"id": "own", "kind": "smtp", "host": "mail.example.com", "secret": "p", "from": "f@example.com",
             "to": ["a@example.org"]},
            {"id": "hook", "kind": "webhook", "url": "https://hooks.example.com/x", "secret": "w"},
            {"id": "topic", "kind": "events"},
        ],
    )  # fmt: skip

    assert found.channels == (
        TeamsSetup(id="finops", secret="alerts-finops"),
        SlackSetup(id="slack", secret="s"),
        PagingSetup(id="on-call", secret="k", url="https://api.atlassian.com/jsm/ops/integration"),
        EmailSetup(id="mail", to=("a@example.org",)),
        SmtpSetup(
            id="own", host="mail.example.com", port=587, secret="p", sender="f@example.com", to=("a@example.org",)
        ),
        WebhookSetup(id="hook", url="https://hooks.example.com/x", secret="w"),
        EventsSetup(id="topic"),
    )


def test_a_subscription_is_read_with_its_times() -> None:
    at_night = {"from": "20:00", "to": "07:00", "days": ["mon"], "breaks": "never"}
    found = read(
        timeZone="Europe/Berlin",
        link="https://chargeback.example.com/",
        tolerances={"unpriced": 5, "retiringDays": 30},
        channels=[TEAMS],
        subscriptions=[
            {"id": "all", "channel": "finops", "quiet": at_night},
            {
                "id": "some",
                "channel": "finops",
                "kinds": ["budget"],
                "costCentres": ["product"],
                "atLeast": "look-today",
                "digest": {"at": "08:00", "days": ["mon", "sun"]},
                "tellsClear": False,
            },
        ],
    )

    assert found.plan.time_zone == "Europe/Berlin"
    assert found.link == "https://chargeback.example.com"
    assert found.tolerances == AlertTolerances(unpriced=5, retiring_days=30)
    assert found.plan.subscriptions == (
        AlertSubscription("all", "finops", quiet=QuietHours(time(20), time(7), frozenset({0}), None)),
        AlertSubscription(
            "some",
            "finops",
            frozenset({AlertKind.BUDGET}),
            ("product",),
            Severity.LOOK_TODAY,
            DigestTimes(time(8), frozenset({0, 6})),
            tells_clear=False,
        ),
    )


def test_every_fault_is_told_at_once_with_its_place() -> None:
    assert faults_of(
        people=1,
        link="http://chargeback.example.com",
        timeZone=3,
        allowedHosts=["127.0.0.1", "example.com"],
        tolerances={"unpriced": -1},
        channels=[
            {"id": "a", "kind": "teams"},
            {"id": "b", "kind": "pager"},
            {"id": "C", "kind": "events"},
            {"id": "d", "kind": "events", "to": []},
            {"id": "d", "kind": "slack", "secret": "s"},
        ],
        subscriptions=[
            {"id": "x", "channel": "a", "kinds": ["nothing"]},
            {"id": "y", "channel": "other", "costCentres": ["prod"], "digest": {"at": 480}},
            {"id": "y", "channel": "d", "quiet": {"from": "8", "to": "24:00", "days": [], "breaks": "always"}},
            {
                "id": "z",
                "channel": "d",
                "kinds": [],
                "digest": {"at": "08:00"},
                "quiet": {"from": "20:00", "to": "07:00"},
            },
        ],
    ) == [
        "people: no such key; there are channels, subscriptions, timeZone, link, allowedHosts, tolerances",
        "timeZone: expected `str`, got `int`",
        "link: 'http://chargeback.example.com' is not an https:// address",
        "allowedHosts[0]: '127.0.0.1' is not the name of a host in lower case, such as hooks.example.com",
        "channels[0]: object missing required field `secret`",
        "channels[1].kind: invalid value 'pager'",
        "channels[3]: object contains unknown field `to`",
        "channels[2].id: 'C' is not up to 32 of a-z, 0-9 and -",
        f"subscriptions[0].kinds[0]: invalid enum value 'nothing'; there are {', '.join(AlertKind)}",
        "subscriptions[1].channel: 'other' is not the id of a channel",
        "subscriptions[1].costCentres[0]: 'prod' is not in cost-centres.yaml",
        'subscriptions[1].digest.at: 480 is not a quoted time such as "08:00"',
        """subscriptions[2].quiet.from: '8' is not a quoted time such as "08:00\"""",
        """subscriptions[2].quiet.to: '24:00' is not a quoted time such as "08:00\"""",
        "subscriptions[2].quiet.days: names none; leave it out for every day",
        "subscriptions[2].quiet.breaks: 'always' is not one of information, look-today, money-at-risk, never",
        "subscriptions[3].kinds: names none; leave it out for all",
        "subscriptions[3].quiet: a digest is told at its own times; leave one of them out",
        "channels[4].id: 'd' is there twice",
        "subscriptions[2].id: 'y' is there twice",
        "tolerances.unpriced: -1 is not between 0 and 1000000000",
    ]


def test_a_link_leaves_room_for_the_message() -> None:
    for link in (f"https://chargeback.example.com/{'x' * 500}", f"https://c.example.com/{{alert}}/{'x' * 440}"):
        assert faults_of(link=link) == ["link: is longer than 500 characters"]
    assert faults_of(link="https://chargeback.example.com/alerts/{alert}") == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://localhost/x",  # it is not among allowedHosts
        "https://user:password@hooks.example.com/x",
        "https://hooks.example.com:8443/x",
        "https://hooks.example.com:x/x",
        "https://HOOKS.example.com.evil.example/x",
        "https://notexample.com/x",
        "https://example.com.evil.example/x",
        "https://hooks.example.com/x#y",
        "https://hooks.example.com/x y",
        "https://hooks.example.com\\@evil.example/x",
        "",
    ],
)
def test_a_webhook_may_have_an_allowed_host_and_nothing_unusual(url: str) -> None:
    assert channel_faults(kind="webhook", url=url, secret="w") != []


def test_a_host_is_allowed_with_everything_below_it_by_whole_labels() -> None:
    assert is_allowed("example.com", ("example.com",))
    assert is_allowed("a.b.example.com", ("example.com",))
    assert not is_allowed("badexample.com", ("example.com",))
    assert not is_allowed("example.com.evil.example", ("example.com",))


def test_a_secret_that_stands_in_the_file_is_refused_without_repeating_it() -> None:
    (fault,) = channel_faults(kind="teams", secret="https://prod-1.westeurope.logic.azure.com/x?sig=hidden")

    assert fault.startswith("channels[0].secret: is not the name of a secret in Key Vault")
    assert "hidden" not in fault


def test_a_paging_service_is_one_of_the_known_ones_or_an_allowed_host() -> None:
    paging = {"kind": "jira-service-management", "secret": "k"}

    assert channel_faults(**paging, url="https://api.eu.opsgenie.com") == []
    assert channel_faults(**paging, url="https://pager.example.com") == []
    assert channel_faults(**paging, url="https://pager.example.org") == [
        "channels[0].url: 'pager.example.org' is not among allowedHosts"
    ]


def test_a_mail_server_has_an_allowed_host_an_encrypted_port_and_addresses() -> None:
    server = {
        "kind": "smtp",
        "host": "mail.example.com",
        "secret": "p",
        "from": "f@example.com",
        "to": ["a@example.org"],
    }

    assert channel_faults(**server) == []
    assert channel_faults(**{**server, "host": "10.0.0.4", "port": 25, "from": "f", "to": ["a@x\r\nBcc: b@c.de"]}) == [
        "channels[0].host: '10.0.0.4' is not the name of a host in lower case",
        "channels[0].port: 25 is neither 587 (STARTTLS) nor 465 (TLS)",
        "channels[0].from: 'f' is not an address such as finops@example.com",
        "channels[0].to[0]: 'a@x\\r\\nBcc: b@c.de' is not an address such as finops@example.com",
    ]
    assert channel_faults(**{**server, "host": "mail.example.org"}) == [
        "channels[0].host: 'mail.example.org' is not among allowedHosts"
    ]


def test_a_mail_has_one_to_fifty_recipients() -> None:
    assert channel_faults(kind="email", to=[]) == ["channels[0].to: names 0 addresses; expected 1 to 50"]
    assert channel_faults(kind="email", to=["a@example.org"] * 51) == [
        "channels[0].to: names 51 addresses; expected 1 to 50"
    ]


def test_a_part_of_the_tree_may_be_named_and_the_unallocated() -> None:
    assert subscription_faults(costCentres=["product", "unallocated"]) == []
    assert subscription_faults(costCentres=["product/supp"]) == [
        "subscriptions[0].costCentres[0]: 'product/supp' is not in cost-centres.yaml"
    ]


def test_what_is_no_document_at_all_is_a_fault_and_no_crash() -> None:
    faults: list[str] = []

    alert_settings({"channels": {"a": 1}, "subscriptions": "all", "allowedHosts": 1}, None, faults)

    assert faults == [
        "allowedHosts: expected `array`, got `int`",
        "channels: expected a list",
        "subscriptions: expected a list",
    ]


def test_a_fault_names_the_line_of_the_file(tmp_path: Path) -> None:
    folder = config_folder(tmp_path, "cost-centres.yaml")
    path_of(folder, "alerts.yaml").write_text(
        "channels:\n  - {id: a, kind: teams, secret: s}\nsubscriptions:\n  - id: x\n    channel: b\n"
    )

    with pytest.raises(InvalidConfig) as refused:
        load_alerts(folder)

    assert refused.value.faults == ["alerts.yaml:5: subscriptions[0].channel: 'b' is not the id of a channel"]
