"""The rules of reconciliation in books.yaml."""

from decimal import Decimal

from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.reconciliation import reconciliation_rules
from chargeback.adapters.config.yaml_files import read
from chargeback.domain.invoice.reconciliation import ReconciliationRules
from stack.example import EXAMPLE_CONFIG

CONFIG = EXAMPLE_CONFIG


def test_without_a_section_the_defaults_hold() -> None:
    faults: list[str] = []

    assert reconciliation_rules({"books": []}, faults) == reconciliation_rules(None, faults) == ReconciliationRules()
    assert faults == []


def test_the_file_of_the_repository_says_the_defaults() -> None:
    faults: list[str] = []

    assert reconciliation_rules(read(path_of(CONFIG, "books.yaml")), faults) == ReconciliationRules()
    assert faults == []


def test_every_key_is_read() -> None:
    faults: list[str] = []
    scope = ["/subscriptions/1/resourceGroups/rg/"]
    section = {
        "export": "/costs/focus/",
        "tolerancePercent": "2.5",
        "toleranceAmount": "100",
        "lagHours": 48,
        "scope": scope,
        "services": ["Azure OpenAI"],
    }

    rules = reconciliation_rules({"reconciliation": section}, faults)

    assert faults == []
    assert rules == ReconciliationRules(
        "costs/focus", Decimal("2.5"), Decimal(100), 48, tuple(scope), ("Azure OpenAI",)
    )


def test_every_fault_is_named_with_its_place() -> None:
    faults: list[str] = []
    section = {"tolerancePercent": 2.5, "toleranceAmount": "-1", "lagHours": -1, "scope": ["rg"], "services": [" "]}

    reconciliation_rules({"reconciliation": section}, faults)

    assert faults == [
        'reconciliation.tolerancePercent: 2.5 is not a quoted decimal such as "1.5"',
        "reconciliation.toleranceAmount: '-1' is not a quoted decimal such as \"1.5\"",
        "reconciliation.lagHours: -1 is not between 0 and 744",
        "reconciliation.scope[0]: 'rg' is not the beginning of a resource id, such as /subscriptions/<id>/",
        "reconciliation.services[0]: is empty",
    ]


def test_a_misspelt_key_is_a_fault() -> None:
    faults: list[str] = []

    reconciliation_rules({"reconciliation": {"tolerance": "1"}}, faults)

    assert faults
    assert faults[0].startswith("reconciliation: ")
