"""Only addresses of the internet are called: none of an own network, of this machine, or of the platform."""

import asyncio
import socket
from typing import Any

import pytest

from chargeback.adapters.channels.public_addresses import ForbiddenAddress, PublicResolver, is_public

pytestmark = pytest.mark.anyio

FORBIDDEN = [
    "0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "127.0.0.1", "127.1.2.3", "169.254.169.254", "168.63.129.16",
    "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.7",
    "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:169.254.169.254", "64:ff9b::a00:1",
    "64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:db8::1", "2002:a00:1::", "2002:808:808::",
    "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "5f00::1",
]  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_outside_the_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "52.112.0.1", "2606:4700::6810:1", "2a01:111:f100::1"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names resolve to these addresses, one answer after the other; returns the names that were asked for."""
    asked: list[str] = []
    waiting = list(answers)

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        found = waiting.pop(0)
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in found
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    return asked


async def test_a_name_is_refused_if_one_of_its_addresses_is_not_public(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, ["8.8.8.8", "10.0.0.4"])

    with pytest.raises(ForbiddenAddress, match="does not lead to the internet"):
        await PublicResolver(loopback=False).resolve("hooks.example.com", 443)


async def test_a_name_without_addresses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [])

    with pytest.raises(ForbiddenAddress):
        await PublicResolver(loopback=False).resolve("hooks.example.com", 443)


async def test_what_is_connected_to_is_what_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, ["8.8.8.8"])

    (found,) = await PublicResolver(loopback=False).resolve("hooks.example.com", 443)

    assert (found["host"], found["port"]) == ("8.8.8.8", 443)
    assert found["flags"] & socket.AI_NUMERICHOST


async def test_this_machine_is_called_only_where_that_is_allowed_and_only_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, ["127.0.0.1"], ["127.0.0.1"], ["10.0.0.4"], ["127.0.0.1"])

    assert await PublicResolver(loopback=True).resolve("localhost", 8443)
    for loopback, host in ((True, "hooks.example.com"), (True, "localhost"), (False, "localhost")):
        with pytest.raises(ForbiddenAddress):
            await PublicResolver(loopback=loopback).resolve(host, 8443)
