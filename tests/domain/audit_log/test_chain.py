"""A log that somebody changed says where: whichever byte it was, and whoever did it."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.audit_log.chain import Anchor, ChainCheck, ChainFault
from chargeback.domain.audit_log.entry import AuditEntry, KeptEntry, entry_id, entry_in, keep
from tests.support.audit_log import anchor_of, chain
from tests.support.examples import few

LENGTH = 6
KEPT = list(chain(LENGTH))
Documents = list[dict[str, Any]]


def documents() -> Documents:
    return [msgspec.to_builtins(each) for each in KEPT]


def faults(found: Documents, **anchors: Anchor) -> list[ChainFault]:
    check = ChainCheck(anchors)
    for document in found:
        check.see(document)
    return check.end()


def named(found: list[ChainFault]) -> set[int]:
    """The numbers up to the end of the log, and the one after it, that the faults are about."""
    numbers = range(1, LENGTH + 2)
    return {number for number in numbers if any(f.number <= number <= (f.last or f.number) for f in found)}


def rewritten(number: int, **changes: Any) -> list[KeptEntry]:
    """A chain that agrees with itself and has another entry at a number, as made by whoever can write all of it."""
    kept = KEPT[: number - 1]
    for each in KEPT[number - 1 :]:
        entry: AuditEntry = msgspec.structs.replace(entry_in(each), previous=kept[-1].hash if kept else "0" * 64)
        kept.append(keep(msgspec.structs.replace(entry, **changes) if entry.number == number else entry))
    return kept


def test_a_log_that_nobody_changed_is_whole() -> None:
    assert faults(documents(), a=anchor_of(KEPT[2]), b=anchor_of(KEPT[-1])) == []
    assert faults([]) == []


@settings(max_examples=few(150))
@given(st.data())
def test_any_byte_of_any_entry_that_is_changed_is_found_and_named(data: st.DataObject) -> None:
    found = documents()
    number = data.draw(st.integers(1, LENGTH))
    name = data.draw(st.sampled_from(("text", "hash")))
    raw = bytearray(found[number - 1][name].encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = (raw[place] + data.draw(st.integers(1, 127))) % 128
    found[number - 1][name] = raw.decode()

    assert number in named(faults(found))


@settings(max_examples=few(40))
@given(number=st.integers(1, LENGTH), place=st.integers(0, 11), digit=st.characters(codec="ascii"))
def test_any_changed_character_of_an_id_is_found_and_named(number: int, place: int, digit: str) -> None:
    found = documents()
    was = found[number - 1]["id"]
    found[number - 1]["id"] = was[:place] + digit + was[place + 1 :]
    found.sort(key=lambda each: each["id"])

    assert (found[number - 1]["id"] == was) or number in named(faults(found, a=anchor_of(KEPT[-1])))


def test_a_property_that_was_added_to_an_entry_is_found() -> None:
    found = documents()
    found[3]["note"] = "x"

    assert named(faults(found)) == {4}


def test_an_entry_that_was_removed_is_named_whichever_it_is() -> None:
    for number in range(1, LENGTH):
        found = [each for each in documents() if each["id"] != entry_id(number)]

        assert named(faults(found)) == {number}


def test_several_entries_that_were_removed_are_named_together() -> None:
    found = documents()
    del found[1:4]

    assert [str(fault) for fault in faults(found)] == ["entries 2 to 4: missing: removed, or never written"]


def test_two_entries_that_were_swapped_are_named() -> None:
    found = documents()
    found[1]["text"], found[3]["text"] = found[3]["text"], found[1]["text"]
    found[1]["hash"], found[3]["hash"] = found[3]["hash"], found[1]["hash"]

    assert {2, 4} <= named(faults(found))


def test_an_entry_that_was_changed_together_with_its_hash_is_named() -> None:
    found = documents()
    other = keep(msgspec.structs.replace(entry_in(KEPT[2]), target="period:forged"))
    found[2] = msgspec.to_builtins(other)

    assert named(faults(found)) == {3}


def test_a_document_that_was_inserted_is_found() -> None:
    for extra in ({"id": "x"}, {"id": "000000000003a", "text": "{}", "hash": ""}, {"id": "000000000000"}, {"id": 3}):
        found = sorted([*documents(), extra], key=lambda each: str(each["id"]))

        assert len(faults(found)) == 1


def test_an_entry_that_was_inserted_with_the_number_of_another_moves_those_after_it_and_is_named() -> None:
    first = KEPT[:3]
    moved = [msgspec.structs.replace(entry_in(each), number=entry_in(each).number + 1) for each in KEPT[2:]]
    found = [msgspec.to_builtins(each) for each in [*first, *map(keep, moved)]]

    assert named(faults(found)) == {3, *range(4, LENGTH + 1)} - {LENGTH + 1}


def test_entries_that_were_cut_off_after_an_anchor_are_named() -> None:
    found = documents()[: LENGTH - 2]

    assert faults(found) == []
    assert named(faults(found, a=anchor_of(KEPT[-1]))) == {LENGTH - 1, LENGTH}


def test_a_chain_that_was_rewritten_as_a_whole_is_found_by_the_first_anchor_after_the_change() -> None:
    found = [msgspec.to_builtins(each) for each in rewritten(2, target="period:forged")]
    anchors = {"first": anchor_of(KEPT[0]), "later": anchor_of(KEPT[3]), "last": anchor_of(KEPT[5])}

    assert faults(found) == []
    assert [fault.number for fault in faults(found, **anchors)] == [4, 6]
    assert "the anchor later" in str(faults(found, **anchors)[0])


def test_only_the_first_faults_are_told() -> None:
    check = ChainCheck({})
    for _ in range(300):
        check.see({"id": "x"})

    assert len(check.end()) == 100
