"""What others depend on is what the committed list says, or somebody chose to change it."""

from pathlib import Path

import pytest

from stack.stack import Stack
from tests.surface.declared import declared, setting_names
from tests.surface.listing import differences
from tests.surface.observed import over_memory, over_servers

pytestmark = pytest.mark.anyio


async def test_the_list_says_what_the_code_declares() -> None:
    changed = differences(declared())

    assert not changed, changed


async def test_the_list_says_what_is_published_and_answered(tmp_path: Path) -> None:
    changed = differences(await over_memory(tmp_path))

    assert not changed, changed


async def test_the_list_says_what_is_stored(clean_stores: Stack, tmp_path: Path) -> None:
    changed = differences(await over_servers(tmp_path))

    assert not changed, changed


async def test_a_difference_says_what_came_what_went_and_how_to_write_the_list_again() -> None:
    lines = {"REDIS_ADDRESS: required", *setting_names()} - {"CHARGEBACK_REDIS_URL: required"}

    changed = differences({"Settings": lines})

    assert {"Settings:", "+ REDIS_ADDRESS: required", "- CHARGEBACK_REDIS_URL: required"} < {*changed.splitlines()}
    assert "python -m tests.surface" in changed
