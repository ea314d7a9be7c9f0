"""Timer, each minute: does the long work that people asked for through the API."""

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.functions.timer_run import timer_run


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed is not made up for, because the next one is a minute later."""
    bp = func.Blueprint()

    @bp.function_name("run_operations")
    @bp.timer_trigger(arg_name="timer", schedule="%OPERATE_SCHEDULE%", run_on_startup=False, use_monitor=False)
    async def run_operations(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 as the worker asks
        async with timer_run(container, "run_operations", context):
            await container.operation_runner.run_waiting()

    return bp
