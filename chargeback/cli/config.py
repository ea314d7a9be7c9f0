"""The rate card, deployments and cost centres: checking them, and putting them in force."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from chargeback.bootstrap import DEPLOYED_CONFIG, Container
from chargeback.cli.terminal import run
from chargeback.domain.errors import InvalidConfig

app = typer.Typer(help="The rate card, deployments and cost centres.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--config-dir", envvar="CONFIG_DIR", help="Folder of the catalogue files.")]


@app.command()
def validate(config_dir: Folder = DEPLOYED_CONFIG) -> None:
    """Check all files of the folder, which belong together; names every fault and its place."""
    from chargeback.adapters.config.catalogue import load_catalogue
    from chargeback.adapters.config.emitters import load_emitters
    from chargeback.adapters.config.gateway import fills, gateway_faults
    from chargeback.adapters.config.models import notes_on_models
    from chargeback.adapters.config.price_notes import how_known, notes_on_prices
    from chargeback.adapters.config.retail_meters import retail_meter_faults
    from chargeback.adapters.config.terms import load_terms
    from chargeback.domain.terms.coverage import idle_without_owner, unpriced_deployments

    faults = retail_meter_faults(config_dir)
    try:
        catalogue = load_catalogue(config_dir)
        terms = load_terms(config_dir, catalogue)
        load_emitters(config_dir)
    except InvalidConfig as error:
        raise InvalidConfig([*error.faults, *faults]) from None
    faults += gateway_faults(config_dir)
    if faults:
        raise InvalidConfig(faults)
    for each in unpriced_deployments(catalogue, datetime.now(UTC)):
        typer.echo(
            f"warning: deployments.yaml: {each.account}/{each.name}: no price covers {each.model}"
            f" (version {each.version}) as {each.type} in {each.region} now: its usage would be unpriced",
            err=True,
        )
    for note in idle_without_owner(terms.shared_costs):
        typer.echo(f"warning: shared-costs.yaml: {note}", err=True)
    for note in notes_on_prices(config_dir, datetime.now(UTC)):
        typer.echo(f"warning: {note}", err=True)
    for note in notes_on_models(config_dir, datetime.now(UTC).date()):
        typer.echo(f"warning: deployments.yaml: {note}", err=True)
    typer.echo(
        f"{config_dir}: valid, {len(catalogue.prices)} prices in {catalogue.currency}"
        f" ({how_known(config_dir)}), digest {catalogue.digest[:12]};"
        f" {len(terms.shared_costs)} shared costs, {len(terms.budgets)} budgets, digest {terms.digest[:12]}"
    )
    shares = ", ".join(f"{table} {share:.0%}" for table, share in fills(config_dir).items())
    if shares:
        typer.echo(f"tables of the gateway, by the fullest of their fragments: {shares}")


@app.command()
def apply(
    config_dir: Folder = DEPLOYED_CONFIG,
    by: Annotated[
        str | None, typer.Option(help="Who applies it, for the history; the signed-in user if unset.")
    ] = None,
) -> None:
    """Put the files in force, and say what changed and which days of the open periods are rated again."""

    async def work(container: Container) -> None:
        await _apply(container, config_dir, by or getpass.getuser(), datetime.now(UTC))

    run(work)


async def _apply(container: Container, config_dir: Path, who: str, now: datetime) -> None:
    from chargeback.adapters.config.catalogue import load_catalogue, to_documents
    from chargeback.adapters.config.terms import load_terms
    from chargeback.services.configuring.apply_config import bring_into_force
    from chargeback.services.configuring.tell_config import outcome_lines

    documents, catalogue = to_documents(config_dir), load_catalogue(config_dir)
    terms = load_terms(config_dir, catalogue)
    stores = container.control, container.catalogues, container.ledger
    brought = await bring_into_force(*stores, catalogue, terms, documents, by=who, now=now)
    for line in outcome_lines(brought, terms.digest):
        typer.echo(line)
