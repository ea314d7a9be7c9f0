"""The rate card, deployments and cost centres: checking them, and putting them in force."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from chargeback.bootstrap import DEPLOYED_CONFIG, Container
from chargeback.cli.terminal import run

app = typer.Typer(help="The rate card, deployments and cost centres.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--config-dir", envvar="CONFIG_DIR", help="Folder of the catalogue files.")]


@app.command()
def validate(config_dir: Folder = DEPLOYED_CONFIG) -> None:
    """Check rate card, deployments and cost centres; names every fault and its place."""
    from chargeback.adapters.catalogue_files import load_catalogue
    from chargeback.domain.coverage import without_price

    catalogue = load_catalogue(config_dir)
    for each in without_price(catalogue, datetime.now(UTC)):
        typer.echo(
            f"warning: deployments.yaml: {each.account}/{each.name}: no price covers {each.model}"
            f" (version {each.version}) as {each.type} in {each.region} now: its usage would be unpriced",
            err=True,
        )
    typer.echo(
        f"{config_dir}: valid, {len(catalogue.prices)} prices in {catalogue.currency}, digest {catalogue.digest[:12]}"
    )


@app.command()
def apply(
    config_dir: Folder = DEPLOYED_CONFIG,
    by: Annotated[
        str | None, typer.Option(help="Who applies it, for the history; the signed-in user if unset.")
    ] = None,
) -> None:
    """Put the files in force; the next posting rates the open days with them."""

    async def work(container: Container) -> None:
        from chargeback.adapters.catalogue_files import load_catalogue, to_documents
        from chargeback.services.apply_config import apply_config

        documents = to_documents(config_dir)
        catalogue = load_catalogue(config_dir)
        who = by or getpass.getuser()
        applied = await apply_config(container.control, catalogue, documents, by=who, now=datetime.now(UTC))
        if applied.before == applied.after:
            typer.echo(f"already in force: {applied.after[:12]}")
        else:
            typer.echo(f"in force: {applied.after[:12]}, before: {(applied.before or 'the deployed files')[:18]}")

    run(work)
