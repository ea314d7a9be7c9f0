"""Runs the simulated accounts: `python -m stack.openai_backends --state DIR`."""

import argparse
import asyncio
import json
from pathlib import Path

from stack.example import tree_to_build
from stack.openai_backends.serve import serve


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=tree_to_build() / "config")
    parser.add_argument("--state", type=Path, default=Path(".local"), help="where openai.json is written")
    parser.add_argument("--port", type=int, default=0, help="of the first account; 0 for any free ports")
    arguments = parser.parse_args()
    asyncio.run(_run(arguments.config, arguments.state, arguments.port))


async def _run(config: Path, state: Path, port: int) -> None:
    async with serve(config, port) as running:
        _announce(state, running.origins)
        await asyncio.Event().wait()


def _announce(state: Path, origins: dict[str, str]) -> None:
    state.mkdir(parents=True, exist_ok=True)
    (state / "openai.json").write_text(json.dumps(origins, indent=2), "utf-8")
    print(json.dumps(origins), flush=True)


if __name__ == "__main__":
    main()
