"""What differs between two versions of a document is told part by part."""

from chargeback.domain.audit_log.acts import Act
from chargeback.web.log_words import DocumentDifference, act_words, differences


def test_parts_are_named_by_their_path_and_one_that_is_not_there_is_none() -> None:
    before = {"state": "open", "history": [{"by": "ann"}], "gone": {}}
    after = {"state": "closing", "history": [{"by": "ann"}, {"by": "bo", "count": 2}]}

    assert differences(before, after) == [
        DocumentDifference("state", "open", "closing"),
        DocumentDifference("history[0].by", "ann", "ann"),
        DocumentDifference("gone", "{}", None),
        DocumentDifference("history[1].by", None, "bo"),
        DocumentDifference("history[1].count", None, "2"),
    ]


def test_a_document_that_was_not_there_before_has_nothing_before() -> None:
    assert differences(None, {"a": 1}) == [DocumentDifference("a", None, "1")]
    assert differences(None, None) == []


def test_every_act_has_words_and_one_of_another_version_stays_as_it_is() -> None:
    assert all(act_words(act) != act.value for act in Act)
    assert act_words("act.of-tomorrow") == "act.of-tomorrow"
