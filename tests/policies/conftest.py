"""One set of compiled policies for all tests, a fresh gateway for each."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stack.gateway.readings import READINGS
from tests.policies.one_region import Engines, Loop, World

MakeWorld = Callable[..., World]


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engines, Loop]]:
    """The compiled policies."""
    if shutil.which("mono") is None:
        pytest.fail("these tests execute C#: install it with `apt-get install mono-mcs libnewtonsoft-json5.0-cil`")
    loop = Loop()
    engines = Engines(loop, tmp_path_factory.mktemp("assemblies"))
    yield engines, loop
    engines.stop()
    loop.stop()


@pytest.fixture(params=READINGS)
def reading(request: pytest.FixtureRequest) -> str:
    """The set of answers to what is not documented: each test runs under every one, with one Mono process for all."""
    return str(request.param)


@pytest.fixture
def make_world(engines: tuple[Engines, Loop], reading: str) -> Iterator[MakeWorld]:
    """Builds gateways with named values or a region of their own."""
    worlds: list[World] = []

    def make(**own: Any) -> World:
        # A tier that holds less goes with the strict reading, so that every case runs in one of either kind.
        answers = {"readings": READINGS[reading], "sku": "StandardV2" if reading == "strict" else "Premium"}
        worlds.append(World(*engines, **{**answers, **own}))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A gateway in Sweden with every default."""
    return make_world()
