"""Cost exports as Azure writes them, in Blob storage and as a downloaded folder: one run counts, and it is whole."""

from pathlib import Path
from typing import Any

import pytest

from chargeback.adapters.azure.cost_exports import LocalCostExports
from chargeback.bootstrap import Container
from chargeback.domain.errors import InvalidConfig, InvoiceMissing
from chargeback.domain.invoice.cost_exports import choose_run
from chargeback.services.ports.reports import Invoices
from stack.clear import clear_blobs
from stack.stack import Stack
from tests.support.cost_exports import csv_bytes, exported, gzipped, parquet_bytes, run_files

pytestmark = pytest.mark.anyio


class Place:
    """Where a test puts blobs, and the port that reads them."""

    def __init__(self, folder: Path, container: Container | None) -> None:
        self._folder, self._container = folder, container

    async def exports(self, blobs: dict[str, bytes]) -> Invoices:
        if self._container is None:
            for name, data in blobs.items():
                (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self._folder / name).write_bytes(data)
            return LocalCostExports([self._folder])
        client = self._container.blobs.get_container_client("cost-exports")
        for name, data in blobs.items():
            await client.upload_blob(name, data)
        return self._container.cost_exports


@pytest.fixture(params=["folder", pytest.param("blob", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Place(tmp_path, None)
    stack: Stack = request.getfixturevalue("stack")
    clear_blobs(stack.site)
    return Place(tmp_path, request.getfixturevalue("container"))


async def content(invoices: Invoices, name: str) -> bytes:
    return b"".join([piece async for piece in invoices.read(name)])


async def chosen(invoices: Invoices, prefix: str = "") -> Any:
    return choose_run(await invoices.runs(prefix), "2026-03", invoices.place)


async def test_every_partition_of_a_run_is_found_through_its_manifest(place: Place, tmp_path: Path) -> None:
    first, second = gzipped([exported()]), parquet_bytes(tmp_path, [exported()])
    (tmp_path / "rows.csv").unlink()
    (tmp_path / "rows.parquet").unlink()

    invoices = await place.exports(run_files({"part_0_0001.csv.gz": first, "part_1_0001.snappy.parquet": second}))

    run = await chosen(invoices)
    assert (run.first, run.last, run.faults) == ("2026-03-01", "2026-03-31", ())
    assert f"{run.submitted:%Y-%m-%d %H:%M:%S.%f}" == "2026-04-05 06:00:00.123456"
    assert [await content(invoices, name) for name in run.files] == [first, second]


async def test_if_an_export_has_two_runs_only_the_newer_one_counts(place: Place) -> None:
    data = {"part_0_0001.csv": csv_bytes([exported()])}
    blobs = run_files(data, run="zzzz", submitted="2026-04-04T06:00:00Z") | run_files(data, run="aaaa")

    run = await chosen(await place.exports(blobs))

    assert [name.split("/")[-2:] for name in run.files] == [["aaaa", "part_0_0001.csv"]]


async def test_a_newer_run_of_fewer_days_does_not_replace_the_whole_month(place: Place) -> None:
    data = {"part_0_0001.csv": csv_bytes([exported()])}
    blobs = run_files(data, run="whole") | run_files(
        data, run="part", submitted="2026-04-20T06:00:00Z", end="2026-03-05T00:00:00Z", month="20260301-20260305"
    )

    assert (await chosen(await place.exports(blobs))).name.endswith("/whole")


async def test_a_run_that_is_still_being_written_is_passed_over(place: Place) -> None:
    data = {"part_0_0001.csv": csv_bytes([exported()])}
    writing = run_files(data, run="writing", submitted="2026-04-06T06:00:00Z")
    del writing["costs/focus/20260301-20260331/writing/manifest.json"]

    run = await chosen(await place.exports(run_files(data, run="done") | writing))

    assert run.name.endswith("/done")


async def test_a_partition_that_is_not_there_is_named(place: Place) -> None:
    blobs = run_files({"part_0_0001.csv": b"x", "part_1_0001.csv": b"y"})
    del blobs["costs/focus/20260301-20260331/aaaa/part_1_0001.csv"]
    invoices = await place.exports(blobs)

    with pytest.raises(InvalidConfig, match=r"part_1_0001\.csv: is named by .*manifest\.json but missing"):
        await chosen(invoices)


async def test_a_partition_that_is_too_short_is_named_with_both_sizes(place: Place) -> None:
    blobs = run_files({"part_0_0001.csv": b"0123456789"})
    blobs["costs/focus/20260301-20260331/aaaa/part_0_0001.csv"] = b"0123"
    invoices = await place.exports(blobs)

    with pytest.raises(InvalidConfig, match=r"part_0_0001\.csv: has 4 bytes, .*manifest\.json says 10"):
        await chosen(invoices)


async def test_exports_of_other_datasets_and_other_months_are_no_invoice(place: Place) -> None:
    blobs = run_files({"part_0_0001.csv": b"x"}, kind="ActualCost")
    invoices = await place.exports(blobs)

    with pytest.raises(InvoiceMissing, match="has no FOCUS cost export of 2026-03"):
        await chosen(invoices)
    assert await invoices.runs("") == []


async def test_a_manifest_that_is_no_json_is_named(place: Place) -> None:
    invoices = await place.exports(
        run_files({"part_0_0001.csv": b"x"}) | {"costs/focus/20260301-20260331/aaaa/manifest.json": b'{"blobs": ['}
    )

    with pytest.raises(InvalidConfig, match=r"aaaa/manifest\.json: "):
        await chosen(invoices)


@pytest.mark.servers
async def test_a_prefix_is_a_folder_not_a_beginning(stack: Stack, container: Container, tmp_path: Path) -> None:
    clear_blobs(stack.site)
    data = {"part_0_0001.csv": b"x"}
    invoices = await Place(tmp_path, container).exports(
        run_files(data, export="costs/focus") | run_files(data, export="costs/focus-old", run="bbbb")
    )

    assert [run.name for run in await invoices.runs("costs/focus")] == ["costs/focus/20260301-20260331/aaaa"]


async def test_single_files_are_one_run_whose_days_only_their_content_tells(tmp_path: Path) -> None:
    (tmp_path / "march.csv").write_bytes(b"x")
    invoices = LocalCostExports([tmp_path / "march.csv"])

    run = await chosen(invoices)

    assert (run.first, run.files) == ("", (str(tmp_path / "march.csv"),))
