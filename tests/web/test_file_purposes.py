"""Every kind of published file has words that say what it is for."""

import pytest

from chargeback.domain.reports.layout import PublishedKind
from chargeback.web.file_purposes import PURPOSES, size_words


def test_every_kind_of_file_has_a_purpose() -> None:
    assert set(PURPOSES) == set(PublishedKind)


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (12_345_678, "12.3 MB")]
)
def test_a_size_is_in_words_that_people_read(count: int, words: str) -> None:
    assert size_words(count) == words
