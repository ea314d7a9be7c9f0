"""Builds the HTTP API: takes usage events, tells a gateway about objects and budgets, and health probes."""

from fastapi import FastAPI

from chargeback.api import decisions, events, health, owners
from chargeback.api.errors import register_errors
from chargeback.bootstrap import Container


def http_api(container: Container) -> FastAPI:
    """The API over a container, under /api."""

    # No lifespan: azure-functions may start several at once and ends some of them, which would close the connections
    # under the others. They live as long as the process.
    api = FastAPI(
        title="Chargeback for Azure OpenAI",
        version="1",
        # Nothing is told to strangers: `http_api(container).openapi()` describes it to whoever has the code.
        docs_url=None,
        openapi_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    register_errors(api)
    api.include_router(health.router(container), prefix="/api")
    api.include_router(events.router(container), prefix="/api/v1")
    api.include_router(owners.router(container), prefix="/api/v1")
    api.include_router(decisions.router(container), prefix="/api/v1")
    return api
