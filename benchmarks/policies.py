"""What the policies themselves cost a call: `python -m benchmarks.policies [--calls 300]`.

Counts, for each kind of call, the C# expressions, their time (the way of bodies to the expressions included), the
requests that the caller waits for beside the one to the backend, and the events. Then the same calls with a topic that
takes two seconds, to see whether the caller notices.
"""

import argparse
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

import httpx

from tests.policies.engines import Engines, Loop
from tests.policies.one_region import EU, OneRegion, product
from tests.policies.scripted_backends import USAGE, chunk, sse

KEY = {"api-key": "key-support"}
PRODUCTS = [
    product(name, requestsPerMinute=1_000_000, tokensPerMinute=1_000_000_000) for name in ("standard", "premium")
]
Call = Callable[[OneRegion], httpx.Response]


def plain(one_region: OneRegion) -> httpx.Response:
    """A chat call."""
    return one_region.chat("key-support")


def streamed(one_region: OneRegion) -> httpx.Response:
    """A streamed chat call, usage merged in."""
    one_region.script(EU[0], type="text/event-stream", pieces=sse(*[chunk("word")] * 50, chunk(usage=USAGE)))
    return one_region.chat("key-support", stream=True)


def stored(one_region: OneRegion) -> httpx.Response:
    """A response, whose account is remembered."""
    one_region.script(EU[0], body={"id": "resp_1", "created_at": 1, "model": "gpt-4o", "usage": USAGE})
    return one_region.client.post("/v1/responses", json={"model": "gpt-4o", "input": "hi"}, headers=KEY)


def continued(one_region: OneRegion) -> httpx.Response:
    """A response that goes on from another, one lookup."""
    body = {"model": "gpt-4o", "input": "hi", "previous_response_id": "resp_1"}
    return one_region.client.post("/v1/responses", json=body, headers=KEY)


def large(one_region: OneRegion) -> httpx.Response:
    """Embeddings whose answer has 2 MB."""
    vectors = [{"object": "embedding", "index": n, "embedding": "A" * 16384} for n in range(128)]
    one_region.script(
        EU[0], body={"object": "list", "data": vectors, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    )
    return one_region.client.post("/v1/embeddings", json={"model": "text-embedding-3-large", "input": "a"}, headers=KEY)


def refused(one_region: OneRegion) -> httpx.Response:
    """A call without identity."""
    return one_region.client.post("/v1/chat/completions", json={})


def with_token(one_region: OneRegion) -> httpx.Response:
    """A chat call with an Entra token."""
    headers = {"Authorization": f"Bearer {TOKEN[0]}"}
    return one_region.client.post("/v1/chat/completions", json={"model": "gpt-4o"}, headers=headers)


CASES: list[Call] = [plain, streamed, stored, continued, large, with_token, refused]
TOKEN: list[str] = []


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    calls = parser.parse_args().calls
    loop, folder = Loop(), Path(mkdtemp())
    engines = Engines(loop, folder)
    print(f"{'call':<12}{'expressions':>12}{'C# µs':>10}{'waits for':>11}{'event':>7}{'ms':>8}{'ms, slow topic':>16}")
    try:
        for case in CASES:
            print(_measured(case, engines, loop, calls))
    finally:
        engines.stop()
        loop.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _measured(case: Call, engines: Engines, loop: Loop, calls: int) -> str:
    one_region = OneRegion(engines, loop, config={"products": PRODUCTS})
    TOKEN[:] = [one_region.token()]
    try:
        for _ in range(50):
            case(one_region)
        one_region.events()
        one_region.gateway.spent = Counter()
        one_region.received.clear()
        fast = statistics.median(_timed(case, one_region) for _ in range(calls))
        events = len(one_region.events())
        spent = one_region.gateway.spent.copy()
        one_region.topic_delay = 2
        slow = statistics.median(_timed(case, one_region) for _ in range(20))
    finally:
        one_region.close()
    return (
        f"{case.__name__:<12}{spent['expressions'] / calls:>12.1f}{spent['microseconds'] / calls:>10.0f}"
        f"{spent['awaited'] / calls:>11.2f}{events / calls:>7.2f}{fast * 1000:>8.2f}{slow * 1000:>16.2f}"
    )


def _timed(case: Call, one_region: OneRegion) -> float:
    began = time.perf_counter()
    case(one_region)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
