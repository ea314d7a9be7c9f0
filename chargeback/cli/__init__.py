"""The product from a terminal: `python -m chargeback …` runs the same services as the functions."""

import logging
import sys

import typer

from chargeback.cli import config, explain, forecast, objects, periods, prices, reconcile, reports, set_aside, usage
from chargeback.cli.terminal import console
from chargeback.domain.errors import ChargebackError
from chargeback.log_line import one_run
from chargeback.process import prepare_process

app = typer.Typer(
    help="Chargeback for Azure OpenAI: usage events in, books that finance can bill from out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for commands in (usage.app, set_aside.app, reports.app, forecast.app, reconcile.app, explain.app):
    app.add_typer(commands)
app.add_typer(config.app, name="config")
app.add_typer(objects.app, name="objects")
app.add_typer(periods.app, name="periods")
app.add_typer(prices.app, name="prices")


def main() -> None:
    """Run the command line; what goes wrong is one message and exit code 1."""
    prepare_process()
    # What came of it is in the command's own answer; without a handler Python would print it a second time.
    for service in ("usage.ingest", "reconciling.reconcile"):
        logging.getLogger(f"chargeback.services.{service}").addHandler(logging.NullHandler())
    try:
        with one_run():
            app()
    except ChargebackError as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
