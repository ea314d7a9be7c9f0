"""Who may do what, as docs/access.md tells it: its table is compared with the code cell by cell."""

import re
from pathlib import Path

import pytest

from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.permissions import (
    Permission,
    Refusal,
    may_limit_cost_centre,
    may_see_cost_centre,
    refusal,
)
from chargeback.domain.access.requester import Identity, Requester, RowScope

NO = "\N{EN DASH}"
ANN = Identity("t", "ann")
DOCUMENT = Path(__file__).parents[3] / "docs/access.md"
ROWS = {
    "own usage": Permission.READ_OWN_USAGE,
    "costs, budgets, forecasts, alerts: see": Permission.READ_COSTS,
    "files of months: download": Permission.DOWNLOAD_FILES,
    "prices and their sources: see": Permission.READ_PRICES,
    "budgets: change": Permission.CHANGE_BUDGETS,
    "months: approve, close, true up, correct": Permission.CHANGE_PERIODS,
    "what was set aside: see": Permission.READ_SET_ASIDE,
    "what was set aside: retry, replay": Permission.REPAIR,
    "audit log: read": Permission.READ_AUDIT_LOG,
    "configuration: apply": Permission.CHANGE_CONFIGURATION,
}
ORDER = ("User", "Owner", "Finance", "Auditor", "Operator", "Admin")
HOLDERS = [
    None,
    *(AppRole(f"Chargeback.{name}") for name in ORDER),
]


def requester(*roles: AppRole | None, centres: tuple[str, ...] = (), everything: bool = False) -> Requester:
    scope = RowScope(everything, frozenset(centres), ANN)
    return Requester(ANN, "Ann Lee", frozenset(role for role in roles if role), scope)


def cells() -> dict[str, list[str]]:
    section = DOCUMENT.read_text("utf-8").partition("## The roles")[2].partition("\n## ")[0]
    found = re.findall(r"^\| ([a-z][^|]*) \|(.+)\|$", section, re.MULTILINE)
    return {name: [cell.strip() for cell in row.split("|")] for name, row in found}


def test_the_documented_table_has_every_permission_and_every_role() -> None:
    assert cells().keys() == ROWS.keys()
    assert set(ROWS.values()) == set(Permission)
    assert {len(row) for row in cells().values()} == {len(HOLDERS)}


@pytest.mark.parametrize("name", ROWS)
def test_everybody_may_do_what_the_documented_table_says(name: str) -> None:
    may = [refusal(requester(role), ROWS[name]) is None for role in HOLDERS]

    assert may == [cell != NO for cell in cells()[name]]


def test_whoever_has_several_roles_may_do_what_any_of_them_may() -> None:
    both = requester(AppRole.OPERATOR, AppRole.USER)

    assert refusal(both, Permission.REPAIR) is None
    assert refusal(both, Permission.READ_COSTS) is None


@pytest.mark.parametrize(
    ("role", "permission", "expected"),
    [
        (None, Permission.READ_COSTS, Refusal.HIDDEN),
        (AppRole.OPERATOR, Permission.READ_COSTS, Refusal.HIDDEN),
        (AppRole.OPERATOR, Permission.CHANGE_PERIODS, Refusal.HIDDEN),
        (AppRole.OPERATOR, Permission.CHANGE_BUDGETS, Refusal.HIDDEN),
        (AppRole.OWNER, Permission.CHANGE_PERIODS, Refusal.FORBIDDEN),
        (AppRole.AUDITOR, Permission.CHANGE_PERIODS, Refusal.FORBIDDEN),
        (AppRole.AUDITOR, Permission.CHANGE_BUDGETS, Refusal.FORBIDDEN),
        (AppRole.AUDITOR, Permission.REPAIR, Refusal.FORBIDDEN),
        (AppRole.FINANCE, Permission.REPAIR, Refusal.HIDDEN),
        (AppRole.FINANCE, Permission.READ_AUDIT_LOG, Refusal.HIDDEN),
        (AppRole.USER, Permission.DOWNLOAD_FILES, Refusal.HIDDEN),
    ],
)
def test_what_one_may_see_is_forbidden_to_change_and_what_one_may_not_see_is_hidden(
    role: AppRole | None, permission: Permission, expected: Refusal
) -> None:
    assert refusal(requester(role), permission) is expected


@pytest.mark.parametrize(
    ("path", "seen", "limited"),
    [
        ("product", False, False),
        ("product/support", True, False),
        ("product/support/voice", True, True),
        ("product/supports", False, False),
        ("product/search", False, False),
    ],
)
def test_an_owner_sees_the_own_cost_centre_and_limits_what_is_below_it(path: str, *, seen: bool, limited: bool) -> None:
    owner = requester(AppRole.OWNER, centres=("product/support",))

    assert may_see_cost_centre(owner, path) is seen
    assert may_limit_cost_centre(owner, path) is limited


def test_who_owns_two_nested_cost_centres_limits_the_lower_one() -> None:
    owner = requester(AppRole.OWNER, centres=("product", "product/support"))

    assert may_limit_cost_centre(owner, "product/support")
    assert not may_limit_cost_centre(owner, "product")


def test_finance_limits_every_cost_centre_and_an_auditor_none() -> None:
    assert may_limit_cost_centre(requester(AppRole.FINANCE, everything=True), "product")
    assert not may_limit_cost_centre(requester(AppRole.AUDITOR, everything=True), "product")
    assert may_see_cost_centre(requester(AppRole.AUDITOR, everything=True), "product")


def test_cost_centres_that_the_configuration_gives_count_for_nothing_without_a_role() -> None:
    nobody = requester(centres=("product",))

    assert not may_see_cost_centre(nobody, "product/support")
    assert not may_limit_cost_centre(nobody, "product/support")
