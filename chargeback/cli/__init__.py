"""The product from a terminal: `chargeback …` (or `python -m chargeback …`) runs the same services as the functions."""

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from chargeback import __version__
from chargeback.cli import (
    alert_lists,
    alerts,
    audit_log,
    budget_changes,
    budget_replay,
    budget_status,
    budgets,
    config,
    config_add,
    config_init,
    config_upgrade,
    days,
    events,
    explain,
    forecast,
    objects,
    periods,
    postings,
    postings_plans,
    prices,
    reconcile,
    reports,
    set_aside,
    tokens,
)
from chargeback.cli.command_acts import note_commands
from chargeback.cli.exit_codes import ExitCode
from chargeback.cli.terminal import console
from chargeback.domain.errors import ChargebackError
from chargeback.former_names import FORMER_SETTINGS, adopt_former_names
from chargeback.log_line import one_run
from chargeback.process import prepare_process

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (events, days, set_aside, reports, forecast, reconcile, explain, tokens):
    app.add_typer(module.app)
for module in (budget_status, budget_replay, budget_changes):
    budgets.app.add_typer(module.app)
alerts.app.add_typer(alert_lists.app)
config.app.add_typer(config_init.app)
config.app.add_typer(config_upgrade.app)
config.app.add_typer(config_add.app, name="add")
app.add_typer(alerts.app, name="alerts")
app.add_typer(audit_log.app, name="audit-log")
app.add_typer(budgets.app, name="budgets")
app.add_typer(config.app, name="config")
app.add_typer(objects.app, name="objects")
app.add_typer(periods.app, name="periods")
postings.app.add_typer(postings_plans.app)
app.add_typer(postings.app, name="postings")
app.add_typer(prices.app, name="prices")


note_commands(app)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"chargeback {__version__}")
        raise typer.Exit


@app.callback()
def before_each_command(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Chargeback for Azure OpenAI: usage events in, books that finance can bill from out."""
    for former, present in adopt_former_names(os.environ, FORMER_SETTINGS).items():
        typer.echo(f"warning: the setting {former} is now called {present}", err=True)


def main() -> None:
    """Run the command line; what goes wrong is one message on standard error, and `ExitCode` says how it ended."""
    prepare_process()
    try:
        with one_run():
            # Returns the code of `typer.Exit`, which a command ends with where it found something.
            code = app(prog_name="chargeback", standalone_mode=False)
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
