"""An app whose functions do nothing: what the host itself costs."""

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.event_grid_trigger(arg_name="event")
async def ingest_usage(event: func.CloudEvent) -> None:
    """Do nothing, on the event loop."""


@app.event_grid_trigger(arg_name="event")
def ingest_in_a_thread(event: func.CloudEvent) -> None:
    """Do nothing, in the thread pool."""


@app.route(route="nothing", methods=["GET", "POST"])
async def nothing(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with nothing."""
    return func.HttpResponse(b"")
