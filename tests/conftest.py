"""The servers that tests share: started once for the session, emptied for the tests that ask for it."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local.certificates import make_certificates
from scripts.local.clear import clear_stores
from scripts.local.stack import Stack

CERTIFICATES = tempfile.TemporaryDirectory(prefix="chargeback-certs-")


def pytest_configure() -> None:
    """Trust the local certificates before any test imports aiohttp, which reads what to trust only once."""
    bundle = str(make_certificates(Path(CERTIFICATES.name)).bundle)
    os.environ.update(SSL_CERT_FILE=bundle, REQUESTS_CA_BUNDLE=bundle)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs servers, so that `scripts/test unit` can leave it out."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()) or "/tests/local/" in item.path.as_posix():
            item.add_marker("servers")


def pytest_unconfigure() -> None:
    """Remove the certificates."""
    CERTIFICATES.cleanup()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Redis, Azurite, the Cosmos emulator and the identity endpoint, and the environment to find them."""
    with Stack(tmp_path_factory.mktemp("stack"), certs=Path(CERTIFICATES.name)) as servers:
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
