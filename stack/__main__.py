"""The command scripts/stack: starts the local stack, stops it, shows its state, and signs its people in."""

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from stack.example import ROOT, tree_to_build
from stack.identity.people import PEOPLE, token_of
from stack.identity.tokens import IdentityHeader, load_signer
from stack.processes import StackError
from stack.record import environment_of, pages_note, recorded, stop_recorded
from stack.services import SERVICES
from stack.stack import Stack


def up(arguments: argparse.Namespace) -> int:
    """Start the servers in the background; where they already run, start what has ended again, as it was."""
    if recorded(arguments.state):
        stack = Stack.found_in(arguments.state)
        if not stack.missing:
            print(f"already running; source {arguments.state / 'stack.env'}")
            return 0
        print(f"starting again, without what they had in memory: {', '.join(stack.missing)}", file=sys.stderr)
    else:
        stack = _laid_out(arguments)
    stack.up()
    status(arguments)
    print(f"To use it:  set -a; . {arguments.state / 'stack.env'}; set +a")
    return 0


def _laid_out(arguments: argparse.Namespace) -> Stack:
    return Stack(
        arguments.state,
        services=arguments.only or SERVICES,
        in_memory=arguments.in_memory,
        ports=dict(arguments.port),
        app=arguments.app,
        config=arguments.config or tree_to_build() / "config",
        timers=True,
        event_grid_rate=arguments.event_grid_rate,
    )


def down(arguments: argparse.Namespace) -> int:
    """End the servers that `up` started."""
    ended = stop_recorded(arguments.state)
    print(f"ended {', '.join(ended)}" if ended else "nothing was running")
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Print one line for each server and where the pages are; exit 1 if a server is missing."""
    servers = recorded(arguments.state)
    if not servers:
        print(f"no stack in {arguments.state}")
        return 1
    table = Table(box=None)
    for heading in ("server", "state", "pid", "url", "log"):
        table.add_column(heading, no_wrap=True)
    for name, server in servers.items():
        state = "running" if server.alive else "ended"
        table.add_row(name, state, str(server.pid), server.url, f"{arguments.state}/logs/{name}.log")
    Console(width=200 if not sys.stdout.isatty() else None).print(table)
    if note := pages_note(environment_of(arguments.state)):
        print(note)
    return 0 if all(server.alive for server in servers.values()) else 1


def token(arguments: argparse.Namespace) -> int:
    """Print the token with which somebody asks the API of costs: Authorization: Bearer TOKEN."""
    authority = environment_of(arguments.state).get("ENTRA_AUTHORITY")
    if authority is None:
        raise StackError("this stack has no identity server, so nobody can sign in")
    print(token_of(arguments.person, load_signer(arguments.state / "certs" / "signing-key.pem"), authority))
    return 0


def sign_in(arguments: argparse.Namespace) -> int:
    """Print what lets somebody else sit at this terminal: eval "$(scripts/stack sign-in --as finance)"."""
    header = IdentityHeader.of(environment_of(arguments.state).get("IDENTITY_HEADER", ""))
    print(f"export IDENTITY_HEADER={shlex.quote(str(replace(header, person=arguments.person)))}")
    return 0


def _port(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in SERVICES or not number.isdecimal() or not 0 < int(number) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PORT with NAME one of {', '.join(SERVICES)}")
    return name, int(number)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if strange := [name for name in names if name not in SERVICES]:
        raise argparse.ArgumentTypeError(f"unknown {', '.join(strange)}; known: {', '.join(SERVICES)}")
    return names


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    root = argparse.ArgumentParser(prog="scripts/stack", description="The local stack: everything but Azure.")
    commands = {"up": up, "down": down, "status": status, "token": token, "sign-in": sign_in}
    verbs = root.add_subparsers(required=True, metavar="|".join(commands))
    for verb, function in commands.items():
        command = verbs.add_parser(verb, help=function.__doc__, description=function.__doc__)
        command.set_defaults(function=function)
        command.add_argument("--state", type=Path, default=Path(".local"), metavar="DIR", help="default .local")
        if verb in ("token", "sign-in"):
            command.add_argument(
                "--as", dest="person", choices=PEOPLE, default="admin", help="somebody by their role; default admin"
            )
        if verb == "up":
            _add_up_options(command)
    return root


def _add_up_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=_port, action="append", default=[], metavar="NAME=PORT")
    command.add_argument("--only", type=_names, metavar="NAME,NAME…", help="not all servers but these")
    command.add_argument("--app", type=Path, default=ROOT, metavar="DIR", help="where function_app.py is")
    command.add_argument(
        "--config", type=Path, metavar="DIR", help="configuration (config/ with your company, else with the example)"
    )
    command.add_argument("--in-memory", action="store_true", help="blobs are gone after `down`")
    command.add_argument(
        "--event-grid-rate",
        type=float,
        default=1.0,
        help="how much faster than the machine's the clock of Event Grid runs, by which it repeats deliveries (1)",
    )


def main() -> int:
    """Run one verb."""
    arguments = parser().parse_args()
    try:
        return int(arguments.function(arguments))
    except StackError as error:
        print(f"scripts/stack: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
