"""The tests are divided into shares that have each of them once and take about the same time."""

import pytest

from scripts.shares import ROOT, SECONDS, parts, recorded, shares


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_each_folder_of_tests_is_in_one_share(count: int) -> None:
    every = parts(ROOT / "tests")

    found = shares(every, recorded(SECONDS.read_text("utf-8")), count)

    assert sorted(name for share in found for name in share) == every
    assert all(found)


def test_each_test_is_in_a_folder_or_file_of_a_share() -> None:
    every = {ROOT / name for name in parts(ROOT / "tests")}

    for path in (ROOT / "tests").rglob("test_*.py"):
        assert not every.isdisjoint([path, *path.parents]), path


def test_shares_take_about_the_same_time() -> None:
    seconds = {"a": 9.0, "b": 5.0, "c": 4.0, "d": 3.0}

    assert shares(["a", "b", "c", "d"], seconds, 2) == [["a", "d"], ["b", "c"]]


def test_what_took_some_time_is_still_there() -> None:
    assert recorded(SECONDS.read_text("utf-8")).keys() <= set(parts(ROOT / "tests"))
