"""The HTTP API: usage events in, and whether the product is well."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from chargeback.api import events, health
from chargeback.api.errors import register_errors
from chargeback.bootstrap import Container


def http_api(container: Container) -> FastAPI:
    """The API over a container, under /api."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await container.close()

    api = FastAPI(
        title="Chargeback for Azure OpenAI",
        version="1",
        docs_url="/api/docs",
        openapi_url="/api/openapi.json",
        redoc_url=None,
        lifespan=lifespan,
    )
    register_errors(api)
    api.include_router(health.router(container), prefix="/api")
    api.include_router(events.router(container), prefix="/api/v1")
    return api
