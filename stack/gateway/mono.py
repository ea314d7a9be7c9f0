"""Runs one long-lived Mono process, which evaluates the compiled expressions of many calls at once."""

import asyncio
import base64
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from stack.gateway.assembly import Assembly

BodyReader = Callable[[str], Awaitable[bytes]]


class ExpressionFailed(Exception):
    """Expression `number` threw; `consumed` names the bodies that had been read by then."""

    def __init__(self, kind: str, message: str, number: int, consumed: list[str]) -> None:
        super().__init__(f"{kind}: {message}")
        self.number, self.consumed = number, consumed


@dataclass(slots=True)
class Evaluated:
    """What a batch of expressions gave."""

    values: list[dict[str, str] | None]
    taken: int
    """The branch that the gateway has to run after a program, or -1."""
    expressions: int
    consumed: list[str]
    traces: list[str]
    microseconds: int


class Mono:
    """Speaks JSON lines with one Mono process; bodies are fetched when an expression first touches them."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._process: asyncio.subprocess.Process | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._readers: dict[str, BodyReader] = {}
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False
        self.expressions = 0

    async def start(self) -> None:
        """Start the process and wait until it has loaded the expressions."""
        self._process = await asyncio.create_subprocess_exec(
            self._assembly.toolchain.mono,
            str(self._assembly.host),
            str(self._assembly.expressions),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 28,
        )
        assert self._process.stdout
        ready = msgspec.json.decode(await self._process.stdout.readline())
        self.expressions = ready["ready"]
        self._spawn(self._listen())

    async def stop(self) -> None:
        """End the process."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(self, call: str, work: dict[str, Any], update: dict[str, Any], reader: BodyReader) -> Evaluated:
        """Do `work` ({"run": numbers} or {"program": steps}) after the changes in `update`."""
        if self._ended:
            raise RuntimeError("the Mono process has ended")
        number = next(self._numbers)
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        self._readers[call] = reader
        self._write({"id": number, "ctx": call, "up": update, **work})
        answer = await future
        consumed = answer.get("consumed", [])
        if "error" in answer:
            failure = answer["error"]
            raise ExpressionFailed(failure["type"], failure["message"], answer.get("at", -1), consumed)
        return Evaluated(
            values=answer["values"],
            taken=answer.get("taken", -1),
            expressions=answer["evaluated"],
            consumed=consumed,
            traces=answer.get("traces", []),
            microseconds=answer["us"],
        )

    def end(self, call: str) -> None:
        """Forget a call."""
        if self._readers.pop(call, None) is not None:
            self._write({"end": call})

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process
        assert self._process.stdin
        self._process.stdin.write(msgspec.json.encode(message) + b"\n")

    async def _listen(self) -> None:
        assert self._process
        assert self._process.stdout
        async for line in self._process.stdout:
            message = msgspec.json.decode(line)
            if "need" in message:
                self._spawn(self._deliver(message))
            elif (future := self._answers.pop(message["id"], None)) and not future.done():
                future.set_result(message)
        self._ended = True
        for future in self._answers.values():
            if not future.done():
                future.set_exception(RuntimeError("the Mono process has ended"))

    async def _deliver(self, message: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"need": message["need"]}
        try:
            answer["data"] = base64.b64encode(await self._readers[message["ctx"]](message["what"])).decode()
        except (OSError, KeyError) as error:
            answer["failure"] = f"the body could not be read: {error}"
        self._write(answer)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
