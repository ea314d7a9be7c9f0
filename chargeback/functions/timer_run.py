"""One run of a timer: its log lines belong together, and what it changes is in the audit log as the timer's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.audit_log.actor import Actor
from chargeback.domain.audit_log.acts import Act
from chargeback.log_line import one_run
from chargeback.services.audit_log.audit_log import acting


@asynccontextmanager
async def timer_run(container: Container, timer: str, context: func.Context) -> AsyncIterator[None]:
    """The run of a timer by its name."""
    with one_run(context.invocation_id) as run_id:
        async with acting(lambda: container.audit_log, Actor.system(timer, run_id), Act.TIMER, f"timer:{timer}"):
            yield
