"""An app that the worker refuses: Event Grid hands a Python function one event, never a list."""

import azure.functions as func

app = func.FunctionApp()


@app.event_grid_trigger(arg_name="events")
def ingest_usage(events: list[func.EventGridEvent]) -> None:
    """Never run."""
