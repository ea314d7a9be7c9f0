"""The snippets of the documents work as they stand there."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from stack.listening import listening
from tests.policies.engines import ROOT, Engines, Loop
from tests.policies.whole_path import WholePath

DOCUMENTS = {"README.md": "## Call it", "apim-policies/README.md": "## Clients"}
PROGRAMS = {
    "python": [sys.executable, "-"],
    "js": ["node", "--input-type=module", "-"],
    "sh": ["bash", "-"],
}


@dataclass(frozen=True)
class Snippet:
    """One fenced block of a document."""

    document: str
    language: str
    text: str

    @property
    def title(self) -> str:
        """A name for its test."""
        kind = next(
            (word for word in ("AzureOpenAI", "get_bearer", "AzureChat", "OpenAI(") if word in self.text), "curl"
        )
        return f"{self.document}: {self.language} {kind}"


def snippets() -> list[Snippet]:
    """Every snippet below the headings."""
    found = []
    for document, heading in DOCUMENTS.items():
        section = (ROOT / document).read_text("utf-8").split(f"{heading}\n")[1].split("\n## ")[0]
        found += [Snippet(document, *block) for block in re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL)]
    return found


@pytest.fixture(scope="module")
def whole_path(engines: tuple[Engines, Loop], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePath]:
    """The gateway, and an identity whose application has the role of a product."""
    whole_path = WholePath(engines[1], tmp_path_factory.mktemp("stage"))
    yield whole_path
    whole_path.close()


@pytest.fixture(scope="module")
def environment(whole_path: WholePath) -> Iterator[dict[str, str]]:
    """What an application in Azure finds in its environment."""

    async def token(request: web.Request) -> web.Response:
        minted = whole_path.signer.mint(request.query["resource"], appid="app-1", roles=["standard"])
        return web.json_response({"access_token": minted, "expires_on": str(int(time.time()) + 3600)})

    app = web.Application()
    app.router.add_get("/token", token)
    server = listening(app)
    port = whole_path.loop.run(server.__aenter__())
    own = {
        "GATEWAY": whole_path.running.urls["swedencentral"],
        "GATEWAY_KEY": whole_path.running.keys["search"],
        "IDENTITY_ENDPOINT": f"http://127.0.0.1:{port}/token",
        "IDENTITY_HEADER": "local",
        "NO_PROXY": "127.0.0.1",
    }
    yield {**os.environ, **own}
    whole_path.loop.run(server.__aexit__(None, None, None))


@pytest.mark.parametrize("snippet", snippets(), ids=lambda snippet: snippet.title)
def test_a_snippet_works_as_it_stands_in_its_document(
    whole_path: WholePath, environment: dict[str, str], snippet: Snippet, tmp_path: Path
) -> None:
    begun = len(whole_path.sent())

    done = subprocess.run(
        PROGRAMS[snippet.language],
        input=snippet.text,
        text=True,
        capture_output=True,
        env=environment,
        cwd=ROOT,
        timeout=60,
    )

    (event,) = whole_path.sent()[begun:]
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.split()) > 5
    assert event["data"]["deployment"] == "gpt-5.4"
    payer = (
        {"productId": "standard", "appId": "app-1"} if "get_bearer" in snippet.text else {"subscriptionId": "search"}
    )
    assert event["data"].items() >= payer.items()


def test_every_kind_of_client_has_a_snippet() -> None:
    """Azure client, v1 client, Entra token, LangChain, Node, curl."""
    texts = [snippet.text for snippet in snippets() if snippet.document == "apim-policies/README.md"]

    for word in (
        "AzureOpenAI(",
        "from openai import OpenAI",
        "get_bearer_token_provider",
        "langchain_openai",
        'from "openai"',
        "curl",
    ):
        assert any(word in text for text in texts), word
