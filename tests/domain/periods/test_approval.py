from datetime import UTC, datetime

import msgspec
import pytest

from chargeback.domain.periods.approval import (
    Approval,
    approver_faults,
    closing_faults,
    is_same_person,
    name_fault,
    stale_reason,
)
from chargeback.domain.terms.approvals import ApprovalSetting, needs_approval

APPROVAL = Approval("2026-03", "kim", datetime(2026, 4, 2, 9, tzinfo=UTC), "ab", {"EUR": "10.00"}, "v1")


@pytest.mark.parametrize(
    "other",
    [
        "Ann Lee", "ann lee", "ANN  LEE", "Lee, Ann", "ann.lee@example.com", "Ánn Lée", "a.lee", "ann", "Ann-Lee",
        "\uff41nn lee", "Ann Marie Lee", "Ann Lee <ann@example.com>", "A. Lee",
        "alee@example.com", "annlee", "LeeA", "A\u200bn\u200bn Lee",
    ],
)  # fmt: skip
def test_spellings_of_one_name_are_one_person(other: str) -> None:
    assert is_same_person("Ann Lee", other)
    assert is_same_person(other, "Ann Lee")


@pytest.mark.parametrize(
    "other", ["Ann Kim", "Bob Lee", "", "—", "anna lee", "al", "lees", "deployment 3fa1", "close_periods"]
)
def test_other_names_are_other_people(other: str) -> None:
    assert not is_same_person("Ann Lee", other)


@pytest.mark.parametrize(
    ("name", "fault"),
    [("—", "is not the name"), ("", "is not"), ("\u0430nn lee", "mixes letters"), ("An\u200bn", "nobody sees")],
)
def test_a_name_that_hides_who_it_is_approves_nothing(name: str, fault: str) -> None:
    assert fault in name_fault(name)


@pytest.mark.parametrize("name", ["Ann Lee", "Łukasz Żak", "山田 太郎", "Анна Ли", "やまだ 太郎"])
def test_a_name_of_any_script_stands_for_a_person(name: str) -> None:
    assert name_fault(name) == ""


def test_whoever_made_the_figures_does_not_approve_them() -> None:
    (fault,) = approver_faults("a.lee", {"Ann Lee": ["trued up", "changed prices"], "Bob": ["trued up"]})

    assert fault.startswith("a.lee as Ann Lee trued up; changed prices: somebody else has to approve")
    assert list(approver_faults("kim", {"Ann Lee": ["trued up"]})) == []


def test_the_timer_or_another_person_closes_what_is_approved() -> None:
    assert list(closing_faults(APPROVAL, None, {}, remedy="approve it")) == []
    assert list(closing_faults(APPROVAL, "ann", {}, remedy="approve it")) == []
    (own,) = closing_faults(APPROVAL, "KIM", {}, remedy="approve it")
    (missing,) = closing_faults(None, None, {}, remedy="approve it")
    (gone,) = closing_faults(
        msgspec.structs.replace(APPROVAL, lapsed="the charges changed"), None, {}, remedy="approve it"
    )
    (late,) = closing_faults(APPROVAL, None, {"Kim": ["trued up since"]}, remedy="approve it")
    assert "whoever approves does not close" in own
    assert missing.startswith("nobody has approved it; approve it")
    assert gone.startswith("the approval of kim no longer counts: the charges changed")
    assert "the approval does not count: kim as Kim trued up since" in late


def test_an_approval_is_of_certain_charges() -> None:
    assert stale_reason(APPROVAL, "ab", {"EUR": "10.00"}) == ""
    assert stale_reason(APPROVAL, "cd", {"EUR": "11.00"}).endswith("approved were 10.00 EUR, now they are 11.00 EUR")
    assert stale_reason(APPROVAL, "cd", {"EUR": "10.00"}).endswith("their sum is still 10.00 EUR")


def test_a_setting_holds_from_its_period_until_the_next() -> None:
    settings = [ApprovalSetting("2026-03", True), ApprovalSetting("2026-06", False)]

    assert [needs_approval(settings, each) for each in ("2026-02", "2026-03", "2026-05", "2026-06")] == [
        False, True, True, False,
    ]  # fmt: skip
    assert not needs_approval([], "2026-03")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ann Lee [1]", "Ann Lee [2]", False),
        ("Ann Lee [1]", "Ann Smith [1]", True),
        ("Ann Lee [1]", "Ann Lee", True),
        ("Ann Lee [1]", "Kim Ito", False),
    ],
)
def test_people_whom_a_token_named_are_compared_by_id_and_by_name_with_older_records(
    one: str, other: str, *, same: bool
) -> None:
    assert is_same_person(one, other) is same
    assert is_same_person(other, one) is same


def test_whoever_a_token_named_may_have_a_name_in_any_script() -> None:
    assert name_fault("\N{CYRILLIC CAPITAL LETTER A}nn [0f8d2c61]") == ""
