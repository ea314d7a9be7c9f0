"""A functions host for machines without Core Tools: runs function_app.py as written, at the real host's URLs.

Run as `python -m stack.functions_host.host --app DIR --port N [--timers] [--status FILE]`.
"""

import argparse
import asyncio
import contextvars
import logging
import os
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import azure.functions as func
import msgspec
import uvloop
from aiohttp import web
from azure.functions.meta import Datum

from stack.functions_host.dates import rewrite_dates
from stack.functions_host.http_routes import http_routes
from stack.functions_host.index import AppError, Function, function_timeout, load_app, load_settings, route_prefix
from stack.functions_host.logs import Invocations, tag_tasks
from stack.functions_host.timers import StatusFile, check_schedules, run_timer, timer_info

log = logging.getLogger("functions_host")
RAW_EVENTS = msgspec.json.Decoder(list[msgspec.Raw])
MAX_HEADER = 16_384
"""Bytes of one header: a token with 200 groups is larger than the 8 190 that aiohttp takes, and Azure takes it."""
MAX_BODY = 256 * 1024 * 1024
CONVERTERS = func.get_binding_registry()
LOCAL = threading.local()


class Invocation:
    """What the `context` parameter of a function offers."""

    __slots__ = ("function_directory", "function_name", "invocation_id", "retry_context", "trace_context")

    def __init__(self, name: str, directory: str) -> None:
        self.function_name = name
        self.function_directory = directory
        self.invocation_id = str(uuid.uuid4())
        self.trace_context = None
        self.retry_context = None

    @property
    def thread_local_storage(self) -> threading.local:
        """Where the worker keeps the invocation id for loggers."""
        return LOCAL


class Host:
    """The functions of one app and the means to run them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.app, functions = load_app(directory)
        self.functions = {function.name: function for function in functions}
        self.next_runs = check_schedules(functions)
        self.timeout = function_timeout(directory)
        self.invocations = Invocations()
        threads = os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT")
        self._pool = ThreadPoolExecutor(int(threads) if threads else None)
        self.background: set[asyncio.Task[None]] = set()

    async def invoke(self, function: Function, argument: Any) -> Any:
        """Run one function with its trigger's value and return what it returns."""
        invocation = Invocation(function.name, str(self.directory))
        arguments = {function.trigger["name"]: argument}
        if function.takes_context:
            arguments["context"] = invocation
        too_long = asyncio.get_running_loop().call_later(self.timeout, restart_worker, function.name)
        try:
            return await self.invocations.run(invocation.invocation_id, self._call(function, arguments))
        finally:
            too_long.cancel()

    async def _call(self, function: Function, arguments: dict[str, Any]) -> Any:
        if function.is_async:
            return await function.call(**arguments)
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: context.run(function.call, **arguments))

    async def attempt(self, function: Function, text: str) -> str | None:
        """Decode `text` as the library does and run the function; log and return the failure, or None."""
        try:
            decoded = CONVERTERS.get(function.type).decode(Datum(text, "json"), trigger_metadata={})
            await self.invoke(function, decoded)
        except Exception as error:
            log.error("%s failed", function.name, exc_info=error)
            return f"{type(error).__name__}: {error}"
        return None

    def go(self, work: Any) -> None:
        """Run a coroutine in the background."""
        task = asyncio.create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)


def restart_worker(function: str) -> None:
    """Start again, as the host has a worker do in which a function takes longer than `functionTimeout`.

    Other invocations die with it, and nothing is cleared away (github.com/Azure/azure-functions-host/issues/8720).
    """
    log.error("%s takes longer than functionTimeout: the worker restarts", function)
    os.execv(sys.executable, [sys.executable, "-m", "stack.functions_host.host", *sys.argv[1:]])  # noqa: S606


def event_grid_routes(host: Host) -> list[web.RouteDef]:
    """Return the Event Grid extension's webhook: handshake, and arrays as parallel single invocations."""

    def wanted(request: web.Request) -> Function:
        function = host.functions.get(request.query.get("functionName", ""))
        if function is None or function.type != "eventGridTrigger":
            raise web.HTTPNotFound(text="cannot find this Event Grid function")
        return function

    async def handshake(request: web.Request) -> web.Response:
        wanted(request)
        origin = request.headers.get("WebHook-Request-Origin")
        if not origin:
            raise web.HTTPBadRequest(text="WebHook-Request-Origin is missing")
        allowed = {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*", "Allow": "POST"}
        return web.Response(headers=allowed)

    async def receive(request: web.Request) -> web.Response:
        function = wanted(request)
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind not in ("notification", "subscriptionvalidation"):
            raise web.HTTPBadRequest(text="aeg-event-type is neither Notification nor SubscriptionValidation")
        body = rewrite_dates(await request.read())
        try:
            events = RAW_EVENTS.decode(body) if body.lstrip()[:1] == b"[" else [msgspec.Raw(body)]
            if kind == "subscriptionvalidation":
                code = msgspec.json.decode(events[0])["data"]["validationCode"]
                return web.json_response({"validationResponse": code})
        except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError) as error:
            raise web.HTTPBadRequest(text=f"not an event or an array of events: {error}") from error
        if len(events) == 1:
            failures = [await host.attempt(function, bytes(events[0]).decode())]
        else:
            failures = await asyncio.gather(*(host.attempt(function, bytes(event).decode()) for event in events))
        return web.Response(status=500 if any(failures) else 202)

    path = "/runtime/webhooks/EventGrid"
    return [web.route("OPTIONS", path, handshake), web.post(path, receive)]


def admin_routes(host: Host) -> list[web.RouteDef]:
    """Return the host's own URLs: status, the list of functions, and running a function by hand."""

    async def status(_request: web.Request) -> web.Response:
        dropped = host.invocations.dropped
        return web.json_response({"state": "Running", "nextRuns": host.next_runs, "droppedLogLines": dropped})

    async def listing(_request: web.Request) -> web.Response:
        return web.json_response(
            [{"name": one.name, "config": {"bindings": [dict(one.trigger)]}} for one in host.functions.values()]
        )

    async def run(request: web.Request) -> web.Response:
        function = host.functions.get(request.match_info["name"])
        if function is None:
            raise web.HTTPNotFound(text="no such function")
        if function.type == "httpTrigger":
            raise web.HTTPBadRequest(text="call an HTTP function by its route")
        try:
            given = msgspec.json.decode(await request.read() or b"{}").get("input") or ""
        except (msgspec.DecodeError, AttributeError) as error:
            raise web.HTTPBadRequest(text='the body is {"input": "…"}') from error
        work = host.attempt(function, timer_info() if function.type == "timerTrigger" else str(given))
        if request.query.get("wait") != "true":
            host.go(work)
            return web.Response(status=202)
        failure = await work
        return web.json_response({"error": failure}, status=500 if failure else 200)

    return [
        web.get("/admin/host/status", status),
        web.get("/admin/functions", listing),
        web.post("/admin/functions/{name}", run),
    ]


def make_server(host: Host, *, timers: bool, status_file: Path | None) -> web.Application:
    """Return the web application that serves one app's functions."""
    server = web.Application(client_max_size=MAX_BODY, handler_args={"max_field_size": MAX_HEADER})
    server.add_routes(event_grid_routes(host))
    server.add_routes(admin_routes(host))
    server.add_routes(http_routes(host.functions.values(), host.invoke, route_prefix(host.directory)))

    async def start_timers(_server: web.Application) -> None:
        statuses = StatusFile(status_file)
        for function in host.functions.values():
            if timers and function.type == "timerTrigger":
                host.go(run_timer(function, host.attempt, statuses))

    async def stop(_server: web.Application) -> None:
        for task in list(host.background):
            task.cancel()
        await asyncio.gather(*host.background, return_exceptions=True)
        await _end_lifespan(host.app)

    server.on_startup.append(start_timers)
    server.on_cleanup.append(stop)
    return server


async def _end_lifespan(app: Any) -> None:
    """End an ASGI app's lifespan while the loop is there: AsgiFunctionApp does it in `__del__`."""
    if getattr(app, "startup_task_done", False):
        app.startup_task_done = False
        await app.middleware.notify_shutdown()


def main() -> int:
    """Serve until told to stop; exit 1 with the reason when the app cannot be loaded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--app", type=Path, default=Path())
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--timers", action="store_true", help="also run timers by their schedules")
    parser.add_argument("--status", type=Path, help="file that remembers when timers ran")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        load_settings(arguments.app)
        host = Host(arguments.app.resolve())
        server = make_server(host, timers=arguments.timers, status_file=arguments.status)
    except AppError as error:
        print(f"functions_host: {error}", file=sys.stderr)
        if error.__cause__:
            logging.getLogger().error("the cause", exc_info=error.__cause__)
        return 1
    for handler in logging.getLogger().handlers:
        handler.addFilter(host.invocations)
    loop = uvloop.new_event_loop()
    tag_tasks(loop)
    log.info("%d functions at http://127.0.0.1:%d", len(host.functions), arguments.port)
    port = arguments.port
    web.run_app(
        server,
        host="127.0.0.1",
        port=port,
        loop=loop,
        print=None,
        access_log=None,
        shutdown_timeout=10,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
