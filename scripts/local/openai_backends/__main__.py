"""Runs the simulated accounts of `deployments.yaml`: `python -m scripts.local.openai_backends --state DIR`."""

import argparse
import asyncio
import json
from pathlib import Path

from scripts.local.openai_backends.serve import serve


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("config"))
    parser.add_argument("--state", type=Path, default=Path(".local"), help="where openai.json is written")
    parser.add_argument(
        "--port", type=int, default=0, help="the first of one port per account; 0 for any free ones"
    )
    arguments = parser.parse_args()
    asyncio.run(_run(arguments.config, arguments.state, arguments.port))


async def _run(config: Path, state: Path, port: int) -> None:
    async with serve(config, port) as running:
        state.mkdir(parents=True, exist_ok=True)
        (state / "openai.json").write_text(json.dumps(running.origins, indent=2), "utf-8")
        print(json.dumps(running.origins), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
