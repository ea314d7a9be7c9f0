"""Some attempts of each fuzzer; `python -m tests.fuzz` makes as many as there is time for."""

import pytest

from tests.fuzz.fuzzers import FUZZERS
from tests.fuzz.run import run


@pytest.mark.parametrize("name", FUZZERS)
def test_nothing_is_unhandled_and_no_nonsense_is_accepted(name: str) -> None:
    attempt, attempts = FUZZERS[name]

    assert run(name, attempt, 1, attempts=attempts) == attempts
