"""A cost centre lies below another by whole components of its path."""

from decimal import Decimal

from chargeback.domain.cost_centres.tree import WHOLE_TREE, below, is_within, level, with_ancestors, with_below


def test_below_means_whole_components() -> None:
    assert below(["a", "a/b", "a/b/c", "a/bc", "ab"]) == {
        "a": ["a/b", "a/b/c", "a/bc"],
        "a/b": ["a/b/c"],
        "a/b/c": [],
        "a/bc": [],
        "ab": [],
    }


def test_a_parent_comes_right_before_its_children() -> None:
    assert below(["a", "a/b", "a/b-x", "a/b/c"])["a"] == ["a/b", "a/b/c", "a/b-x"]


def test_a_centre_lies_within_itself_and_all_above_it_but_not_within_one_that_is_only_spelled_like_it() -> None:
    assert [*with_ancestors("a/b/c")] == ["a/b/c", "a/b", "a"]
    assert all(is_within("a/b/c", each) for each in (*with_ancestors("a/b/c"), WHOLE_TREE))
    assert not is_within("a/bc", "a/b")
    assert [level(each) for each in with_ancestors("a/b/c")] == [3, 2, 1]


def test_amounts_count_for_the_centres_that_are_asked_for_and_have_them_below() -> None:
    own = {"a": Decimal(1), "a/b/c": Decimal(2), "ab": Decimal(4), "unallocated": Decimal(8)}

    assert with_below(own, ["a", "a/b", "ab"]) == {"a": Decimal(3), "a/b": Decimal(2), "ab": Decimal(4)}
