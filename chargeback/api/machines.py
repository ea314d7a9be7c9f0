"""The part of the HTTP API that machines ask: the gateway gives a new instance 2 s for its first answer.

It imports nothing of the routes for people, of which there are many.
"""

from fastapi import FastAPI

from chargeback.api import decisions, events, health, owners
from chargeback.api.errors import register_errors
from chargeback.api.openapi import DESCRIPTION
from chargeback.api.surroundings import Surroundings
from chargeback.bootstrap import Container


def machine_api(container: Container) -> FastAPI:
    """Usage events, owners of objects, decisions on budgets and the health, under /api."""

    # No lifespan: azure-functions may start several at once and ends some of them, which would close the connections
    # under the others. They live as long as the process.
    api = FastAPI(
        title="Chargeback for Azure OpenAI",
        version="1",
        description=DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        docs_url=None,  # pages of FastAPI's own load scripts from other hosts
        openapi_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.state.container = container
    api.add_middleware(Surroundings)
    register_errors(api)
    api.include_router(health.router(container), prefix="/api")
    for routes in (events, owners, decisions):
        api.include_router(routes.router(container), prefix="/api/v1")
    return api
