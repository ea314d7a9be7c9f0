"""The rate card compared with the provider's public prices on the command line, and a proposal to review."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import ConfigDir, Json, Overwrite, refuse_existing
from chargeback.cli.terminal import written
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.money.exact import to_text
from chargeback.domain.price_list.comparison import Comparison, compare
from chargeback.domain.price_list.coverage import Uncompared
from chargeback.settings import DEPLOYED_CONFIG

app = typer.Typer(help="The rate card compared with the Azure Retail Prices API.", no_args_is_help=True)

Saved = Annotated[
    list[Path] | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="A saved answer of the API; may be repeated. Default: ask the API.",
        show_default=False,
    ),
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="REGION",
        help="Only this region; may be repeated. Default: those of the deployments.",
        show_default=False,
    ),
]
Api = Annotated[
    str | None,
    typer.Option("--api", metavar="URL", help="Address of the API, such as a mirror. Default: that of Microsoft."),
]


class PriceDifference(Answer, frozen=True):
    """A price that the list does not confirm; `on_card` is empty where the card has none."""

    price: str
    on_card: str
    in_list: str
    currency: str
    since: str


class UnknownMeter(Answer, frozen=True):
    """A meter of the list that nobody has looked up."""

    product: str
    meter: str
    meter_id: str
    region: str


class AbsentMeter(Answer, frozen=True):
    """A meter of retail-meters.yaml that the list does not have."""

    price: str
    region: str


class UncomparedPrices(Answer, frozen=True):
    """How many prices of a model could not be compared; `reason` is one of `Uncompared`."""

    reason: str
    model: str
    prices: int


class ComparedPrices(Answer, frozen=True):
    """What `prices diff` found; amounts are for a million units.

    Attributes:
        compared: how many of the card's prices in force were compared.
        in_force: how many there are.
        uncompared: those that could not be, by reason and model; the model is empty for prices of every model.
        equal: how many prices of the card the list confirms.
        refused: rows that cannot be used, and why.
    """

    compared: int
    in_force: int
    uncompared: tuple[UncomparedPrices, ...]
    equal: int
    differences: tuple[PriceDifference, ...]
    unknown: tuple[UnknownMeter, ...]
    absent: tuple[AbsentMeter, ...]
    refused: tuple[str, ...]


class ProposedPrices(Answer, frozen=True):
    """What `prices propose` wrote to `file`; the file is empty where there was nothing to propose."""

    file: str
    close: int
    add: int
    correct: int


class CheckedPrices(Answer, frozen=True):
    """How many prices `prices check` compared, and what contradicts the card, each with its place."""

    compared: int
    contradictions: tuple[str, ...]


_REASONS = {
    Uncompared.REFUSED: "not: the row of their meter cannot be used, see below",
    Uncompared.NOT_IN_LIST: "not: the list does not have their meter",
    Uncompared.OTHER_REGION: "not: their meters are of other regions, see --region",
    Uncompared.NO_METER: "not: retail-meters.yaml has no meter for them",
}


@app.command()
def diff(
    config_dir: ConfigDir = DEPLOYED_CONFIG,
    saved: Saved = None,
    region: Regions = None,
    api: Api = None,
    as_json: Json = False,
) -> None:
    """Compare the rate card with the public prices.

    Example: chargeback prices diff --region swedencentral
    """
    catalogue, found = _compared(config_dir, saved, region, api)
    compared = _as_answer(found, catalogue.currency)
    answer(compared, _told(compared), as_json=as_json)
    finish(has_findings=bool(compared.differences or compared.refused))


@app.command()
def propose(
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FILE", help="The YAML file to write, for a person to read; it is never applied."
        ),
    ],
    overwrite: Overwrite = False,
    config_dir: ConfigDir = DEPLOYED_CONFIG,
    saved: Saved = None,
    region: Regions = None,
    api: Api = None,
    as_json: Json = False,
) -> None:
    """Propose changes to the rate card, to review.

    Example: chargeback prices propose --out proposal.yaml
    """
    from chargeback.adapters.config.retail_proposal import write_proposal

    refuse_existing(out, overwrite=overwrite)
    catalogue, found = _compared(config_dir, saved, region, api)
    told = list(_told(_as_answer(found, catalogue.currency)))
    if not found.differences:
        answer(ProposedPrices("", 0, 0, 0), [*told, "nothing to propose"], as_json=as_json)
        return
    with written(out):
        counts = write_proposal(out, found, catalogue, datetime.now(UTC))
    told.append(f"{out}: " + ", ".join(f"{count} to {what}" for what, count in counts.items()) + "; review it")
    answer(ProposedPrices(str(out), counts["close"], counts["add"], counts["correct"]), told, as_json=as_json)


@app.command()
def check(config_dir: ConfigDir = DEPLOYED_CONFIG, as_json: Json = False) -> None:
    """Compare the rate card with the snapshot.

    The snapshot of the public price list is committed beside it, so this needs no network.
    """
    from chargeback.adapters.config.catalogue import load_catalogue
    from chargeback.adapters.config.retail_snapshot import check_snapshot

    found = check_snapshot(config_dir, load_catalogue(config_dir).prices)
    checked = CheckedPrices(found.compared, tuple(found.faults))
    told = checked.contradictions or [f"{checked.compared} prices of the snapshot are on the rate card"]
    answer(checked, told, as_json=as_json)
    finish(has_findings=bool(checked.contradictions))


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


def _as_answer(found: Comparison, currency: str) -> ComparedPrices:
    known = found.coverage
    return ComparedPrices(
        compared=known.compared,
        in_force=known.of,
        uncompared=tuple(UncomparedPrices(each.reason.value, each.model, each.prices) for each in known.gaps),
        equal=len(found.equal),
        differences=tuple(
            PriceDifference(
                price=_named(each.key),
                on_card=to_text(each.old.list_per_million) if each.old else "",
                in_list=to_text(each.new),
                currency=currency,
                since=f"{each.since:%Y-%m-%d}",
            )
            for each in found.differences
        ),
        unknown=tuple(UnknownMeter(row.product, row.meter_name, row.meter_id, row.region) for row in found.unknown),
        absent=tuple(AbsentMeter(_named(meter.keys[0]), meter.region) for meter in found.absent),
        refused=found.refused,
    )


def _covered(found: ComparedPrices) -> Iterator[str]:
    yield f"{found.compared} of the {found.in_force} prices in force on the card could be compared"
    for reason, said in _REASONS.items():
        gaps = [each for each in found.uncompared if each.reason == reason]
        if gaps:
            models = ", ".join(f"{each.model or 'every model'} {each.prices}" for each in gaps)
            yield f"  {sum(each.prices for each in gaps)} {said}: {models}"


def _told(found: ComparedPrices) -> Iterator[str]:
    yield from _covered(found)
    yield f"{found.equal} prices are equal, {len(found.differences)} differ"
    for each in found.differences:
        before = f"{each.on_card} on the card" if each.on_card else "not on the card"
        yield f"  {each.price}: {before}, {each.in_list} in the list since {each.since}"
    products: dict[str, Counter[str]] = {}
    for row in found.unknown:
        products.setdefault(row.product, Counter())[row.meter] += 1
    if products:
        yield f"{len(found.unknown)} meters are not in retail-meters.yaml:"
    for product, names in sorted(products.items()):
        yield f"  {product}, {names.total()}: {', '.join(sorted(names))}"
    absent: dict[str, list[str]] = {}
    for meter in found.absent:
        absent.setdefault(meter.price, []).append(meter.region)
    if absent:
        yield f"{len(found.absent)} meters of retail-meters.yaml are not in the price list:"
    for name, regions in absent.items():
        yield f"  {name}: {', '.join(sorted(regions))}"
    if found.refused:
        yield f"{len(found.refused)} rows cannot be used:"
    yield from (f"  {reason}" for reason in found.refused)


def _named(key: PriceKey) -> str:
    return "/".join(filter(None, key))
