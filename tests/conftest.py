"""What tests share: the servers, started once for the session, and the one event loop.

Asynchronous tests are `async def` with `pytestmark = pytest.mark.anyio`; all of them run on the session's loop, so
that they can share the container and its connections. `asyncio.run` is for what needs a loop or process of its own.
"""

import gc
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from chargeback.bootstrap import Container
from chargeback.settings import read_settings
from scripts.focus_validator import ValidatorMissing, find
from stack.certificates import make_certificates
from stack.clear import clear_stores
from stack.example import EXAMPLE_CONFIG
from stack.stack import Stack

CERTIFICATES = tempfile.TemporaryDirectory(prefix="chargeback-certs-")


# How long an example takes says how busy the machine is, and nothing of the product.
settings.register_profile("product", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("product")


def _trust_local_certificates() -> None:
    """Trust them before anything imports aiohttp, which reads what to trust only once.

    That may be the conftest.py of a folder that somebody names, which is imported before `pytest_configure` runs.
    Every command reads the example company, as nobody's own is in this repository.
    """
    bundle = str(make_certificates(Path(CERTIFICATES.name)).bundle)
    os.environ.update(SSL_CERT_FILE=bundle, REQUESTS_CA_BUNDLE=bundle, CHARGEBACK_CONFIG_DIR=str(EXAMPLE_CONFIG))


_trust_local_certificates()


def pytest_configure() -> None:
    """Let interrupts reach what tests start even if those who started the tests ignore them, as a script's `&` does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs servers, so that `scripts/test unit` can leave it out."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()) or "/tests/stack/" in item.path.as_posix():
            item.add_marker("servers")


def pytest_collection_finish() -> None:
    """Keep the garbage collector away from the modules and tests, which stay: it went through them every few tests."""
    gc.collect()  # garbage that is frozen would stay for good
    gc.freeze()


def pytest_unconfigure() -> None:
    """Remove the certificates, and let the interpreter free everything as it ends."""
    gc.unfreeze()
    CERTIFICATES.cleanup()


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Redis, Azurite, the Cosmos emulator and the identity endpoint, and the environment to find them."""
    if "not servers" in request.config.option.markexpr:
        pytest.fail("a test that needs servers is not marked so, and runs where none should be started")
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
    """The address of the session's Redis, as the setting CHARGEBACK_REDIS_URL has it."""
    return stack.env["CHARGEBACK_REDIS_URL"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The loop that every asynchronous test runs on."""
    return "asyncio"


@pytest.fixture(scope="session")
async def container(stack: Stack, anyio_backend: str) -> AsyncIterator[Container]:
    """The product on the session's stack."""
    container = Container(read_settings())
    yield container
    await container.close()


@pytest.fixture(scope="session")
def validator() -> None:
    """There are no wheels of its old libraries for Python 3.13; on older ones, CI has it."""
    try:
        find()
    except ValidatorMissing as missing:
        if "CI" in os.environ and sys.version_info < (3, 13):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
