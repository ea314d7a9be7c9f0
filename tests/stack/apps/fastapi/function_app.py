"""A FastAPI application in a function app, with a blueprint beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import azure.functions as func
from fastapi import FastAPI, Request


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, str]]:
    """Hand something to the requests, as a container of clients would be."""
    yield {"greeting": "hello"}
    print("lifespan ended", flush=True)


web = FastAPI(lifespan=lifespan)


@web.post("/api/echo")
async def echo(request: Request, name: str) -> dict[str, object]:
    """Return what arrived."""
    return {"name": name, "bytes": len(await request.body()), "greeting": request.state.greeting}


timers = func.Blueprint()


@timers.timer_trigger(arg_name="timer", schedule="0 */15 * * * *")
def post_usage(timer: func.TimerRequest) -> None:
    """Do nothing."""


app = func.AsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS, function_name="http_app")
app.register_functions(timers)
