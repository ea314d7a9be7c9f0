"""Who sits at the terminal: every command that changes something in Azure asks, and the record names them."""

import typer

from chargeback.bootstrap import Container
from chargeback.cli.command_acts import begin_as
from chargeback.domain.access.permissions import Permission, holders, refusal
from chargeback.domain.access.requester import Requester
from chargeback.domain.budgets.budget import Scope
from chargeback.domain.errors import InvalidConfig, NotAllowed, NotSignedIn
from chargeback.services.access.limiting import may_limit

REGISTER = (
    "API_CLIENT_ID: is not set, so nobody can say who you are; `azd env get-values` has it for a deployment,"
    " scripts/register-app makes the registration, and .local/stack.env has it for a local stack"
)


async def acting(container: Container, permission: Permission, by: str | None = None) -> Requester:
    """Who acts, as their token says. Raises `NotSignedIn` or `NotAllowed`; `by` may only repeat what the token says."""
    from chargeback.adapters.azure.sign_in import own_token

    registered = container.settings.api_client_id
    if registered is None:
        raise InvalidConfig([REGISTER])
    found = await container.people.requester(await own_token(container.credential, registered))
    if found is None:
        raise NotSignedIn(
            f"the token of this terminal is not one of tenant {container.settings.entra_tenant_id} for this deployment:"
            " az login, or look at ENTRA_TENANT_ID and API_CLIENT_ID"
        )
    if by is not None and by.casefold() not in _names(found):
        raise typer.BadParameter(f"--by says {by!r}, and you are signed in as {shown(found)}: leave --by out")
    if refusal(found, permission) is not None:
        raise NotAllowed(f"{shown(found)} may not do that: it takes the role {' or '.join(holders(permission))}")
    await begin_as(found)
    return found


async def named_for(container: Container, permission: Permission, by: str | None, *, is_dry_run: bool) -> str:
    """Whom the record of a change names; for a dry run, which changes nothing, whoever `by` says."""
    return (by or "nobody") if is_dry_run else (await acting(container, permission, by)).by


def require_limit(found: Requester, scope: Scope) -> None:
    """Raise `NotAllowed` where somebody may not set the limit of a budget."""
    if not may_limit(found, scope):
        raise NotAllowed(f"{shown(found)} may not limit {scope}: owners set the budgets below their own cost centres")


def shown(found: Requester) -> str:
    """How messages call somebody."""
    return f"{found.name} ({found.login or found.identity.actor})"


def _names(found: Requester) -> set[str]:
    names = (found.name, found.login, found.identity.actor, found.identity.object_id, found.identity.app_id)
    return {each.casefold() for each in names if each}
