"""Starts a listener per simulated account."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chargeback.adapters.config.folders import path_of
from stack.listening import listening
from stack.openai_backends.account import Account
from stack.openai_backends.app import application
from stack.yaml_text import from_yaml


@dataclass(frozen=True, slots=True)
class Backends:
    """The running accounts by name, and the origin that stands for each host."""

    accounts: dict[str, Account]
    origins: dict[str, str]


def accounts_of(config: Path, clock: Callable[[], float] = time.time) -> list[Account]:
    """The accounts that `deployments.yaml` in `config` defines."""
    document = from_yaml(path_of(config, "deployments.yaml").read_text("utf-8"))
    sets = document["deploymentSets"]
    return [
        Account(
            entry["account"],
            entry["region"],
            {deployment["name"]: deployment for deployment in sets[entry["deployments"]]},
            clock=clock,
        )
        for entry in document["accounts"]
    ]


@asynccontextmanager
async def serve(config: Path, port: int = 0, clock: Callable[[], float] = time.time) -> AsyncIterator[Backends]:
    """Run every account, on consecutive ports from `port`, or on free ones."""
    accounts = accounts_of(config, clock)
    async with AsyncExitStack() as stack:
        origins = {}
        for place, account in enumerate(accounts):
            where = listening(application(account), port + place if port else 0)
            origins[account.host] = f"http://127.0.0.1:{await stack.enter_async_context(where)}"
        yield Backends({account.name: account for account in accounts}, origins)
