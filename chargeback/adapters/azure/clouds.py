"""What differs between the clouds of Azure in signing in."""

from urllib.parse import urlsplit

_EXCHANGES = {
    "login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
    "login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
}
"""learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity"""

_PUBLIC_EXCHANGE = "api://AzureADTokenExchange"


def exchange_audience(authority: str) -> str:
    """The audience of a token with which an identity stands for an application that trusts it."""
    return _EXCHANGES.get(urlsplit(authority).hostname or "", _PUBLIC_EXCHANGE)
