"""People who ask the API, known by words instead of tokens; and a small API of their own."""

from types import SimpleNamespace
from typing import Any

import httpx
from azure.core.credentials import AccessToken
from fastapi import APIRouter, FastAPI

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.api.errors import register_errors
from chargeback.api.surroundings import Surroundings
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Identity, Requester, RowScope
from chargeback.services.access.cursor_key import CursorKey
from tests.support.audit_log import some_log

TENANT = "11111111-2222-3333-4444-555555555555"
REGISTERED = "00000000-0000-0000-0000-00000000a911"


def person(name: str, *roles: AppRole, scope: RowScope | None = None) -> Requester:
    identity = Identity(TENANT, f"object-{name}")
    return Requester(identity, name, frozenset(roles), scope or RowScope(own=identity))


class PeopleByName:
    """Takes a person's name for their token."""

    def __init__(self, *people: Requester) -> None:
        self.known = {each.name: each for each in people}

    async def requester(self, token: str) -> Requester | None:
        return self.known.get(token)


def as_person(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def signed_in(*_: object) -> Requester:
    """Stands for the sign-in of a command, where a test is about something else."""
    return person("ada", AppRole.ADMIN)


def client_of(api: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="https://api.test", timeout=60)


def small_api(routes: APIRouter, *people: Requester, **container: Any) -> FastAPI:
    """An API with the conventions of the product and the routes of a test."""
    api = FastAPI(docs_url=None, openapi_url=None, redoc_url=None, redirect_slashes=False)
    beside = {"people": PeopleByName(*people), "cursor_key": CursorKey(MemoryControl()), "audit_log": some_log()}
    api.state.container = SimpleNamespace(**beside | container)
    api.add_middleware(Surroundings)
    register_errors(api)
    api.include_router(routes, prefix="/api/v1")
    return api


class Terminal:
    """A terminal of the command line, and who sits at it: a word instead of a token, as in `PeopleByName`."""

    def __init__(self, *people: Requester, sits: str = "") -> None:
        self.people = PeopleByName(*people)
        self.sits = sits or people[0].name
        self.asked_for: list[str] = []

    @property
    def services(self) -> dict[str, Any]:
        """What the container of a command has."""
        settings = SimpleNamespace(api_client_id=REGISTERED, entra_tenant_id=TENANT)
        return {"settings": settings, "people": self.people, "credential": self}

    async def get_token(self, scope: str) -> AccessToken:
        """The token of whoever sits here, as azure-identity gives it."""
        self.asked_for.append(scope)
        return AccessToken(self.sits, 0)
