"""A service that existed asks under its own identity, which is known by its object id alone."""

from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import HTTPException

from chargeback.adapters.azure.entra_tokens import EntraApplication
from chargeback.api.gateway_identity import require_gateway

pytestmark = pytest.mark.anyio
ASKING, SERVICE, OTHER = (f"{number}0000000-0000-0000-0000-000000000000" for number in (1, 2, 3))


def container(found: EntraApplication, principals: str) -> Any:
    async def application(_token: str) -> EntraApplication:
        return found

    settings = SimpleNamespace(owners_client_id=ASKING, owners_principal_ids=principals)
    return SimpleNamespace(gateway_tokens=SimpleNamespace(application=application), settings=settings)


@pytest.mark.parametrize("found", [EntraApplication(ASKING, ()), EntraApplication("any", (), SERVICE)])
async def test_the_identities_that_are_named_may_ask(found: EntraApplication) -> None:
    await require_gateway(container(found, f"{OTHER},{SERVICE}"), "Bearer token")


@pytest.mark.parametrize(
    ("found", "principals"),
    [
        (EntraApplication("any", (), OTHER), SERVICE),
        (EntraApplication("any", (), ""), ""),  # no identity is named, and none is told
        (EntraApplication("any", (), SERVICE), ""),
    ],
)
async def test_nobody_else_may(found: EntraApplication, principals: str) -> None:
    with pytest.raises(HTTPException, match="only the gateway's identity"):
        await require_gateway(container(found, principals), "Bearer token")
