"""Gets the token of whoever is signed in to Azure at this terminal, for the API of costs."""

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.identity import CredentialUnavailableError

from chargeback.domain.errors import NotSignedIn


async def own_token(credential: AsyncTokenCredential, client_id: str) -> str:
    """The token; raises `NotSignedIn` where Entra gives none, and says how to sign in."""
    scope = f"api://{client_id}/.default"
    try:
        return (await credential.get_token(scope)).token
    except (AzureError, CredentialUnavailableError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NotSignedIn(f"sign in first: az login --scope {scope}\n  Entra gave no token: {reason}") from error
