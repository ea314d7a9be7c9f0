"""One laboratory, and so one Mono process, for all tests of the gateway."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from stack.gateway.assembly import MonoMissing, Toolchain
from tests.gateway.small_policies import SmallPolicies


@pytest.fixture(scope="session", autouse=True)
def mono() -> None:
    """Without Mono there is nothing here to test; on a developer's machine that may be so, in CI it is a fault."""
    try:
        Toolchain.find()
    except MonoMissing as missing:
        if "CI" in os.environ:
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def small_policies(mono: None) -> Iterator[SmallPolicies]:
    with asyncio.Runner() as runner:
        opened = SmallPolicies(runner)
        runner.run(opened.open())
        try:
            yield opened
        finally:
            runner.run(opened.stack.aclose())


@pytest.fixture
def small(small_policies: SmallPolicies) -> SmallPolicies:
    small_policies.fresh()
    return small_policies
