"""One set of compiled policies for all tests, a fresh gateway for each."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stack.gateway.readings import READINGS
from tests.policies.engines import Engines, Loop
from tests.policies.one_region import OneRegion

MakeRegion = Callable[..., OneRegion]


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
def make_region(engines: tuple[Engines, Loop], reading: str) -> Iterator[MakeRegion]:
    """Builds gateways with named values or a region of their own."""
    regions_made: list[OneRegion] = []

    def make(**own: Any) -> OneRegion:
        # A tier that holds less goes with the strict reading, so that every case runs in one of either kind.
        answers = {"readings": READINGS[reading], "sku": "StandardV2" if reading == "strict" else "Premium"}
        regions_made.append(OneRegion(*engines, **{**answers, **own}))
        return regions_made[-1]

    yield make
    for one_region in regions_made:
        one_region.close()


@pytest.fixture
def one_region(make_region: MakeRegion) -> OneRegion:
    """A gateway in Sweden with every default."""
    return make_region()
