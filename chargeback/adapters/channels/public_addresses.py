"""Which network addresses channels may be called at: those of the internet, and never one of an own network."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult

LOCAL_NAMES = ("localhost", "127.0.0.1")

_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
            *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
            "168.63.129.16/32",  # the machine's host in Azure, in spite of its number
            *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
        ),
    )
)
"""What www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry set aside, and Azure's own:
learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16. What Python says depends on its version."""

_UNICAST = ip_network("2000::/3")
"""The IPv6 addresses of the internet; what maps or translates IPv4 addresses lies outside."""


class ForbiddenAddress(OSError):
    """A name leads to an address that is never called."""


class PublicResolver(AbstractResolver):
    """Resolves names to addresses that may be called, and to nothing if one of a name's addresses may not be.

    The caller connects to the addresses that are checked here, so no second look-up can give another one.
    """

    def __init__(self, *, loopback: bool) -> None:
        """`loopback`: whether `LOCAL_NAMES` may lead to this machine, as the local stack needs it."""
        self._loopback = loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises `OSError`, or `ForbiddenAddress` if one of them is not allowed."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        addresses = [(family_of, str(address[0]).partition("%")[0]) for family_of, _, _, _, address in found]
        self.require_allowed(host, [address for _, address in addresses])
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=family_of,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for family_of, address in addresses
        ]

    def require_allowed(self, host: str, addresses: Sequence[str]) -> None:
        """Raise `ForbiddenAddress` unless there are addresses and each may be called."""
        is_local = self._loopback and host in LOCAL_NAMES
        allowed = [(is_local and ip_address(each).is_loopback) or is_public(each) for each in addresses]
        if not addresses or not all(allowed):
            raise ForbiddenAddress(f"{host} does not lead to the internet, so it is not called")

    async def close(self) -> None:
        """Nothing is open."""


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet and to nothing else."""
    found = ip_address(address)
    if isinstance(found, IPv6Address) and found not in _UNICAST:
        return False
    return not any(found in network for network in _NOT_PUBLIC)
