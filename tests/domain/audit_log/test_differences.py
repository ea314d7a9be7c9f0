"""An entry shows what a change changes, and stays short."""

import msgspec

from chargeback.domain.audit_log.differences import LONGEST, differing_parts, document_digest


def test_only_what_differs_is_shown() -> None:
    before = {"state": "open", "month": "2026-03", "of": {"a": 1, "b": 2}}
    after = {"state": "closed", "month": "2026-03", "of": {"a": 1, "b": 3, "c": 4}}

    assert differing_parts(before, after) == (
        {"state": "open", "of": {"b": 2}},
        {"state": "closed", "of": {"b": 3, "c": 4}},
    )


def test_a_document_that_is_new_is_shown_as_a_whole() -> None:
    assert differing_parts(None, {"a": None}) == (None, {"a": None})


def test_a_list_is_shown_without_what_is_equal_at_its_ends() -> None:
    before, after = {"history": [1, 2, 3]}, {"history": [1, 9, 3]}

    assert differing_parts(before, after) == (
        {"history": ["(1 equal ones before)", 2, "(1 equal ones after)"]},
        {"history": ["(1 equal ones before)", 9, "(1 equal ones after)"]},
    )
    assert differing_parts({"history": []}, {"history": [1]}) == ({"history": []}, {"history": [1]})


def test_what_is_long_is_named_by_its_digest() -> None:
    _, after = differing_parts({"file": "a"}, {"file": "b" * 5_000})

    assert after is not None
    assert after["file"]["bytes"] == 5_002
    many = {str(number): "b" * 3_000 for number in range(100)}
    _, cut = differing_parts({}, many)
    assert len(msgspec.json.encode(cut)) < LONGEST


def test_equal_documents_have_one_digest_whatever_the_order_of_their_parts() -> None:
    assert document_digest({"a": 1, "b": 2}) == document_digest({"b": 2, "a": 1}) != document_digest({"a": 1})
    assert document_digest(None) == ""
