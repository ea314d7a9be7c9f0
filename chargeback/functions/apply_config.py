"""Timer, daily and after each deployment: puts the deployed configuration in force, once for each deployment.

The hook after a deployment starts it. Afterwards the timer logs where another configuration is in force.
"""

import logging
from datetime import UTC, datetime
from pathlib import Path

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line
from chargeback.services.configuring.deployed_config import ConfigFiles, apply_deployed

log = logging.getLogger(__name__)

SCHEDULE = "0 0 6 * * *"
"""After the night's audit, reports and closing, which rate with what was in force."""


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed is not made up for, because tomorrow's does the same."""
    bp = func.Blueprint()

    @bp.function_name("apply_config")
    @bp.timer_trigger(arg_name="timer", schedule=SCHEDULE, run_on_startup=False, use_monitor=True)
    async def apply_config(timer: func.TimerRequest, context: func.Context) -> None:
        async with timer_run(container, "apply_config", context):
            now = datetime.now(UTC)
            folder = container.settings.config_folder
            differs = await _follow_deployment(container, folder, now)
            log_line(log, "config_checked", differs=differs, past_due=timer.past_due)

    return bp


async def _follow_deployment(container: Container, folder: Path, now: datetime) -> bool:
    from chargeback.adapters.config.digest import config_digest

    digest = config_digest(folder)
    stores = (container.control, container.catalogues, container.ledger)
    done = await apply_deployed(*stores, digest, lambda: _load(folder), now=now)
    if done.state == "refused":
        log_line(log, "config_refused", digest=digest[:12], reasons="; ".join(done.lines), level=logging.WARNING)
    elif done.state == "applied":
        log_line(log, "config_applied", digest=digest[:12], changes=len(done.lines) - 1)
    differs = done.in_force != done.deployed
    if differs:
        log_line(log, "config_drift", in_force=done.in_force[:12], deployed=done.deployed[:12], level=logging.WARNING)
    return differs


def _load(folder: Path) -> ConfigFiles:
    from chargeback.adapters.config.catalogue import load_catalogue, to_documents
    from chargeback.adapters.config.terms import load_terms

    catalogue = load_catalogue(folder)
    return ConfigFiles(catalogue, load_terms(folder, catalogue), to_documents(folder))
