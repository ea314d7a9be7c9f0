"""The provider's public prices beside the rate card: what differs, and a proposal that a person reviews."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from chargeback.bootstrap import DEPLOYED_CONFIG
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import to_text
from chargeback.domain.price_list.comparison import Comparison, Difference, compare

app = typer.Typer(help="The rate card beside the Azure Retail Prices API.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--config-dir", envvar="CONFIG_DIR", help="Folder of the catalogue files.")]
Saved = Annotated[
    list[Path] | None, typer.Option("--from", help="A saved answer of the API instead of asking it; may be repeated.")
]
Regions = Annotated[
    list[str] | None, typer.Option("--region", help="Only this region; may be repeated. Else those of the deployments.")
]
Api = Annotated[str | None, typer.Option("--api", help="Another address of the API, such as a mirror.")]


@app.command()
def diff(config_dir: Folder = DEPLOYED_CONFIG, saved: Saved = None, region: Regions = None, api: Api = None) -> None:
    """Say what the public price list and the rate card do not agree on."""
    _, found = _compared(config_dir, saved, region, api)
    _report(found)


@app.command()
def propose(
    out: Annotated[Path, typer.Option(help="The file to write; it is for a person to read and is never applied.")],
    config_dir: Folder = DEPLOYED_CONFIG,
    saved: Saved = None,
    region: Regions = None,
    api: Api = None,
) -> None:
    """Write what would have to change on the rate card as a proposal to review."""
    from chargeback.adapters.config.retail_proposal import write_proposal

    catalogue, found = _compared(config_dir, saved, region, api)
    _report(found)
    if not found.differences:
        typer.echo("nothing to propose")
        return
    counts = write_proposal(out, found, catalogue, datetime.now(UTC))
    typer.echo(f"{out}: " + ", ".join(f"{count} to {what}" for what, count in counts.items()) + "; review it")


@app.command()
def check(config_dir: Folder = DEPLOYED_CONFIG) -> None:
    """Hold the rate card against the committed snapshot of the public price list, without a network."""
    from chargeback.adapters.config.catalogue import load_catalogue
    from chargeback.adapters.config.retail_snapshot import check_snapshot

    checked = check_snapshot(config_dir, load_catalogue(config_dir).prices)
    if checked.faults:
        raise InvalidConfig(checked.faults)
    typer.echo(f"{checked.compared} prices of the snapshot are on the rate card")


def _compared(
    config_dir: Path, saved: list[Path] | None, region: list[str] | None, api: str | None
) -> tuple[Catalogue, Comparison]:
    from chargeback.adapters.azure.retail_prices import API, read_retail_prices, saved_retail_prices
    from chargeback.adapters.config.catalogue import load_catalogue
    from chargeback.adapters.config.retail_meters import load_retail_meters

    catalogue = load_catalogue(config_dir)
    table, _ = load_retail_meters(config_dir)
    deployed = {each.region for names in catalogue.deployments.values() for each in names.values()}
    regions = region or sorted(deployed)
    rows = saved_retail_prices(saved) if saved else asyncio.run(read_retail_prices(regions, api=api or API))
    return catalogue, compare(
        (row for row in rows if row.region in {*regions, "", "Global"}),
        table,
        catalogue.prices,
        regions,
        datetime.now(UTC),
    )


def _report(found: Comparison) -> None:
    typer.echo(f"{len(found.equal)} prices are equal, {len(found.differences)} differ")
    for each in found.differences:
        typer.echo(f"  {_said(each)}")
    products: dict[str, Counter[str]] = {}
    for row in found.unknown:
        products.setdefault(row.product, Counter())[row.meter_name] += 1
    if products:
        typer.echo(f"{len(found.unknown)} meters are not in retail-meters.yaml:")
    for product, names in sorted(products.items()):
        typer.echo(f"  {product}, {names.total()}: {', '.join(sorted(names))}")
    absent: dict[str, list[str]] = {}
    for meter in found.absent:
        absent.setdefault(_named(meter.keys[0]), []).append(meter.region)
    if absent:
        typer.echo(f"{len(found.absent)} meters of retail-meters.yaml are not in the price list:")
    for name, regions in absent.items():
        typer.echo(f"  {name}: {', '.join(sorted(regions))}")
    if found.refused:
        typer.echo(f"{len(found.refused)} rows cannot be used:")
    for reason in found.refused:
        typer.echo(f"  {reason}")


def _said(difference: Difference) -> str:
    old = difference.old
    before = f"{to_text(old.list_per_million)} on the card" if old else "not on the card"
    after = f"{to_text(difference.new)} in the list since {difference.since:%Y-%m-%d}"
    return f"{_named(difference.key)}: {before}, {after}"


def _named(key: PriceKey) -> str:
    return "/".join(filter(None, key))
