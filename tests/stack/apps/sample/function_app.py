"""A small app with one function of each kind; `seen` says what the others received."""

import asyncio
import json
import logging
import threading

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
seen: list[dict[str, object]] = []
outliving: set[asyncio.Task[None]] = set()


@app.event_grid_trigger(arg_name="event")
async def ingest_usage(event: func.CloudEvent) -> None:
    """Remember the event; fail when it says so."""
    data = event.get_json()
    await asyncio.sleep(data.get("sleep", 0))
    seen.append({"id": event.id, "source": event.source, "time": event.time.isoformat()})
    if data.get("fail") and data["fail"] >= sum(1 for one in seen if one["id"] == event.id):
        raise RuntimeError(f"told to fail: {event.id}")


@app.event_grid_trigger(arg_name="event")
def ingest_in_a_thread(event: func.CloudEvent, context: func.Context) -> None:
    """Remember which thread ran and what the context said."""
    thread = threading.current_thread().name
    seen.append({"id": event.id, "thread": thread, "function": context.function_name})


@app.event_grid_trigger(arg_name="event")
async def log_later(event: func.CloudEvent) -> None:
    """Log at once, and from a task that outlives the invocation."""

    async def log_after_the_end() -> None:
        await asyncio.sleep(0.1)
        logging.warning("%s after its end", event.id)

    logging.warning("%s while it runs", event.id)
    outliving.add(asyncio.create_task(log_after_the_end()))


@app.timer_trigger(arg_name="timer", schedule="%POST_SCHEDULE%", run_on_startup=False)
async def post_usage(timer: func.TimerRequest) -> None:
    """Remember the run."""
    seen.append({"timer": "post_usage", "past_due": timer.past_due, "status": timer.schedule_status})


@app.timer_trigger(arg_name="timer", schedule="0 0 3 * * *")
def audit_ledger(timer: func.TimerRequest) -> None:
    """Fail."""
    raise RuntimeError("the audit fails")


@app.route(route="seen", methods=["GET"])
async def what_was_seen(req: func.HttpRequest) -> func.HttpResponse:
    """Return everything that was remembered."""
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route(route="items/{id:int}/{part?}", methods=["GET", "POST"])
def item(req: func.HttpRequest) -> func.HttpResponse:
    """Return the request's parts."""
    parts = {
        "route": dict(req.route_params),
        "query": dict(req.params),
        "body": req.get_body().decode(),
        "header": req.headers.get("X-Test"),
    }
    return func.HttpResponse(json.dumps(parts), status_code=201, headers={"X-Answer": "yes"})


@app.route(route="broken")
async def broken(req: func.HttpRequest) -> func.HttpResponse:
    """Fail."""
    raise RuntimeError("told to fail")
