"""Makes the application's calls of the demo, with the real openai package, through the gateway."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from openai import AzureOpenAI, OpenAI, OpenAIError

API_VERSION = "2024-10-21"
PEOPLE = ("ada", "grace", "katherine", "annie")

Call = Callable[[], str]


@dataclass
class Tally:
    """What became of the calls.

    Attributes:
        regions: calls by the region that answered.
        kinds: calls by what they asked for.
        failed: what failed, with its reason.
    """

    regions: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """All calls, answered or not."""
        return sum(self.kinds.values())


class Team:
    """One team's clients: its subscription key is all that it has."""

    def __init__(self, gateway: str, key: str) -> None:
        # The SDK's own retries are off: a region's trouble is the gateway's to handle, not the caller's.
        self.azure = AzureOpenAI(azure_endpoint=gateway, api_key=key, api_version=API_VERSION, max_retries=0)
        self.v1 = OpenAI(
            base_url=f"{gateway}/openai/v1", api_key="unused", default_headers={"api-key": key}, max_retries=0
        )

    def calls(self, person: str) -> Iterator[tuple[str, Call]]:
        """One call of each kind."""
        headers = {"x-username": person, "x-company-name": "Contoso", "x-billing-code": "VOICE"}
        message: list[Any] = [{"role": "user", "content": f"Say hello to {person}."}]

        def chat() -> str:
            answer = self.azure.chat.completions.with_raw_response.create(
                model="gpt-5.4", messages=message, extra_headers=headers
            )
            assert answer.parse().usage
            return region_of(answer.headers)

        def chat_stream() -> str:
            with self.azure.chat.completions.with_streaming_response.create(
                model="gpt-5.5", messages=message, stream=True, extra_headers=headers
            ) as answer:
                assert sum(line.startswith("data:") for line in answer.iter_lines()) > 1
                return region_of(answer.headers)

        def response() -> str:
            answer = self.v1.responses.with_raw_response.create(
                model="gpt-5.5", input="Count to three.", extra_headers=headers
            )
            assert answer.parse().usage
            return region_of(answer.headers)

        def response_stream() -> str:
            with self.v1.responses.with_streaming_response.create(
                model="gpt-5.4", input="Count to three.", stream=True, extra_headers=headers
            ) as answer:
                assert any("response.completed" in line for line in answer.iter_lines())
                return region_of(answer.headers)

        def embedding() -> str:
            answer = self.v1.embeddings.with_raw_response.create(
                model="text-embedding-3-large", input=["one", "two"], extra_headers=headers
            )
            assert len(answer.parse().data) == 2
            return region_of(answer.headers)

        yield "chat", chat
        yield "chat, streamed", chat_stream
        yield "responses", response
        yield "responses, streamed", response_stream
        yield "embeddings", embedding


def region_of(headers: Any) -> str:
    """Where the call was answered, as the service says it."""
    return str(headers.get("x-ms-region", "unknown"))


def teams(state: Path) -> dict[tuple[str, str], Team]:
    """The clients of every subscription at every gateway region."""
    keys = json.loads((state / "gateway-keys.json").read_text("utf-8"))
    regions = json.loads((state / "gateway.json").read_text("utf-8"))["regions"]
    return {(name, region): Team(url, key) for name, key in keys.items() for region, url in regions.items()}


def send(clients: dict[tuple[str, str], Team], rounds: int, tally: Tally) -> None:
    """Send `rounds` rounds of every kind of call from every team, a few at a time, and tally what became of them."""
    calls = [
        call
        for (_, team), person in zip(islice(cycle(clients.items()), rounds * len(clients)), cycle(PEOPLE), strict=False)
        for call in team.calls(person)
    ]

    def one(call: tuple[str, Call]) -> tuple[str, str, str]:
        kind, ask = call
        try:
            return kind, ask(), ""
        except (OpenAIError, AssertionError) as error:
            return kind, "", f"{kind}: {error}"

    with ThreadPoolExecutor(8) as pool:
        for kind, region, fault in pool.map(one, calls):
            tally.kinds[kind] += 1
            if fault:
                tally.failed.append(fault)
            else:
                tally.regions[region] += 1
