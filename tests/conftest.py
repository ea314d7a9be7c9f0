"""The servers that tests share: started once for the session, emptied for the tests that ask for it."""

import os
from collections.abc import Iterator

import pytest
from scripts.local.clear import clear_stores
from scripts.local.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Redis, Azurite, the Cosmos DB emulator and the identity endpoint, with the environment set to find them."""
    with Stack(tmp_path_factory.mktemp("stack")) as servers:
        before = dict(os.environ)
        os.environ.update(servers.env)
        yield servers
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def clean_stores(stack: Stack) -> Stack:
    """The session's stack with every store empty."""
    clear_stores(stack)
    return stack


@pytest.fixture
def redis_url(stack: Stack) -> str:
    """The address of the session's Redis, as the setting REDIS_URL has it."""
    return stack.env["REDIS_URL"]
