"""A decimal of a file is a quoted string of a bounded number of ASCII digits."""

import re

from hypothesis import given
from hypothesis import strategies as st

from chargeback.adapters.config.decimals import is_decimal

written = st.from_regex(r"-?\d{0,4}(\.\d{0,4})?", fullmatch=True)


@given(written, st.integers(1, 3), st.integers(1, 3))
def test_a_decimal_has_ascii_digits_and_no_more_of_them_than_there_may_be(value: str, digits: int, places: int) -> None:
    form = rf"\d{{1,{digits}}}(\.\d{{1,{places}}})?"

    assert is_decimal(value, digits=digits, places=places) == bool(re.fullmatch(form, value, re.A))
    assert is_decimal(value, digits=digits, places=places, signed=True) == bool(re.fullmatch(f"-?{form}", value, re.A))


def test_a_number_that_is_not_quoted_is_no_decimal() -> None:
    assert not is_decimal(1.5, places=6)
    assert not is_decimal(1, places=6)
