"""A FastAPI application in a function app, with a blueprint beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import azure.functions as func
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse


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


@web.api_route("/", methods=["GET", "HEAD"])
async def first_page() -> Response:
    """Redirect with two cookies, and forget a third one."""
    answer = RedirectResponse("/elsewhere", 303)
    for name in ("__Host-one", "__Host-two"):
        answer.set_cookie(name, "a-b_c", max_age=60, path="/", secure=True, httponly=True, samesite="lax")
    answer.set_cookie("__Host-three", "", max_age=0, path="/", secure=True, httponly=True, samesite="lax")
    return answer


timers = func.Blueprint()


@timers.timer_trigger(arg_name="timer", schedule="0 */15 * * * *")
def post_usage(timer: func.TimerRequest) -> None:
    """Do nothing."""


app = func.AsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS, function_name="http_app")
app.register_functions(timers)
