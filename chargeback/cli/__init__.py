"""The product from a terminal: `python -m chargeback …` runs the same services as the functions."""

import sys

import typer
from typer.exceptions import TyperException

from chargeback.cli import (
    budget_replay,
    budget_status,
    budgets,
    config,
    days,
    events,
    explain,
    forecast,
    objects,
    periods,
    prices,
    reconcile,
    reports,
    set_aside,
    tokens,
)
from chargeback.cli.exit_codes import ExitCode
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
for module in (events, days, set_aside, reports, forecast, reconcile, explain, tokens):
    app.add_typer(module.app)
for module in (budget_status, budget_replay):
    budgets.app.add_typer(module.app)
app.add_typer(budgets.app, name="budgets")
app.add_typer(config.app, name="config")
app.add_typer(objects.app, name="objects")
app.add_typer(periods.app, name="periods")
app.add_typer(prices.app, name="prices")


def main() -> None:
    """Run the command line; what goes wrong is one message on standard error, and `ExitCode` says how it ended."""
    prepare_process()
    try:
        with one_run():
            # Returns the code of `typer.Exit`, which a command ends with where it found something.
            code = app(standalone_mode=False)
    except ChargebackError as error:
        _complain(str(error))
        code = ExitCode.FAILED
    except TyperException as error:
        _explain_usage(error)
        code = ExitCode.USAGE
    if code:
        sys.exit(code)


def _explain_usage(error: TyperException) -> None:
    message, context = error.format_message(), getattr(error, "ctx", None)
    if message.startswith("Usage:"):  # no command was named, and this is the help
        typer.echo(message, err=True)
    else:
        _complain(f"{message.rstrip('.')}; see {context.command_path} --help" if context else message)


def _complain(message: str) -> None:
    console.print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
