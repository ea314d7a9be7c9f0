"""The compiled policies that tests share, and the loop in which their processes run."""

import asyncio
import json
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from chargeback.adapters.config.gateway_tables import fragments
from stack.gateway.mono import Mono
from stack.gateway.prepare import prepare

ROOT = Path(__file__).parents[2]


class Loop:
    """An event loop in a thread of its own, so that tests use the ordinary blocking clients."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of `work`."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(240)

    def stop(self) -> None:
        """End the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Engines:
    """The compiled policies of each configuration that tests use; those with the same expressions share a process."""

    def __init__(self, loop: Loop, cache: Path) -> None:
        self._loop, self._cache = loop, cache
        self._known: dict[str, tuple[Any, Mono]] = {}
        self._processes: dict[Path, Mono] = {}

    def get(
        self, values: dict[str, str], config: dict[str, Any], folder: Path = ROOT / "apim-policies"
    ) -> tuple[Any, Mono]:
        """Policies and process for these named values and this configuration."""
        generated = fragments(config)
        key = json.dumps([values, generated, str(folder)], sort_keys=True)
        if key not in self._known:
            backends = {account["account"] for account in config["accounts"]}
            policies, assembly = prepare(folder, values, backends, self._cache, generated)
            if assembly.expressions not in self._processes:
                self._processes[assembly.expressions] = Mono(assembly)
                self._loop.run(self._processes[assembly.expressions].start())
            self._known[key] = (policies, self._processes[assembly.expressions])
        return self._known[key]

    def stop(self) -> None:
        """End the processes."""
        for mono in self._processes.values():
            self._loop.run(mono.stop())
