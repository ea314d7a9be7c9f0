"""The state of one call through the gateway, against which its expressions are evaluated."""

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from multidict import CIMultiDict

from stack.gateway.config import Api
from stack.gateway.errors import PolicyError
from stack.gateway.gateway import Gateway
from stack.gateway.messages import Body, Request, Response
from stack.gateway.mono import Evaluated, ExpressionFailed
from stack.gateway.nodes import Expression, Node, Value
from stack.gateway.programs import Program

_NUMBERS = {"Int16", "Int32", "Int64", "UInt16", "UInt32", "UInt64", "Byte", "SByte"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom the gateway itself knows from the subscription key."""

    subscription: dict[str, Any] | None = None
    product: dict[str, Any] | None = None


@dataclass
class Call:
    """State of one call; changes reach the expressions with the next evaluation."""

    gateway: Gateway
    api: Api
    request: Request
    caller: Caller = field(default_factory=Caller)
    operation: dict[str, str] = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    response: Response | None = None
    section: str = "inbound"
    backend_id: str | None = None
    backend_host: str | None = None
    backend_status: int | None = None
    backend_request_id: str | None = None
    traces: list[str] = field(default_factory=list)
    trace_records: list[dict[str, Any]] = field(default_factory=list)
    """What the resource log keeps of `trace`."""
    cors_done: bool = False
    stored: dict[str, Any] = field(default_factory=dict)
    """Cached values that can be looked up once the call has ended."""
    response_headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    after: list[Any] = field(default_factory=list)
    """What is to be done with the token counts once they are known (limits, metrics)."""
    started: float = field(default_factory=time.time)
    _oversize: PolicyError | None = None
    _update: dict[str, Any] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._update["start"] = {
            "requestId": self.request_id,
            "operation": self.operation,
            "product": self.caller.product,
            "subscription": self.caller.subscription,
            "user": None,
            "api": self.gateway.api_state(self.api),
            **self.gateway.static_state,
        }
        self.changed("request")

    def changed(self, *parts: str) -> None:
        """Tell the expressions about a changed `request` or `response`."""
        for part in parts:
            self._update[part] = True

    def fail(self, error: PolicyError | None) -> None:
        """Set `context.LastError`."""
        readings = self.gateway.config.readings
        self._update["lastError"] = error and {
            "source": readings.source(error.source, error.reason),
            "reason": readings.reason(error.source, error.reason),
            "message": error.message,
            "scope": error.scope,
            "section": error.section,
            "path": error.path,
            "policyId": error.policy_id or None,
        }

    def use_backend(self, state: dict[str, Any]) -> None:
        """Set `context.Backend`."""
        self._update["backend"] = state

    def set_variable(self, name: str, value: Any, kind: str = "String") -> None:
        """Set a context variable of a C# type that crosses the pipe."""
        text = value if value is None or kind == "IResponse" else str(value)
        self._update.setdefault("variables", {})[name] = {"t": kind, "v": text}

    async def values(self, *values: Value | None) -> list[Any]:
        """Literals as they are, expressions evaluated in one round trip."""
        numbers = [value.number for value in values if isinstance(value, Expression)]
        if not numbers:
            return list(values)
        evaluated = iter((await self._evaluate({"run": numbers})).values)
        return [plain(next(evaluated)) if isinstance(value, Expression) else value for value in values]

    async def typed(self, expression: Expression) -> dict[str, str] | None:
        """The value of an expression with its C# type."""
        (value,) = (await self._evaluate({"run": [expression.number]})).values
        return value if value is None else dict(value)

    async def text(self, value: Value | None) -> str:
        """One value as a string; null is empty."""
        (result,) = await self.values(value)
        return "" if result is None else str(result)

    async def attributes(self, node: Node, *names: str) -> list[Any]:
        """The values of attributes; None for one that is not there."""
        return await self.values(*(node.attributes.get(name) for name in names))

    async def flags(self, node: Node, **defaults: bool) -> list[bool]:
        """Boolean attributes, written as literals or expressions; `_` stands for `-`."""
        found = await self.attributes(node, *(name.replace("_", "-") for name in defaults))
        return [
            default if value is None else value in (True, "true")
            for value, default in zip(found, defaults.values(), strict=True)
        ]

    async def execute(self, program: Program) -> int:
        """Run a program; gives the branch of its last choose that is left to run, or -1."""
        return (await self._evaluate({"program": program.steps}, program.owners)).taken

    async def _evaluate(self, work: dict[str, Any], owners: dict[int, Node] | None = None) -> Evaluated:
        async with self._turn:
            update, self._update = self._update, {}
            if "request" in update:
                update["request"] = self.request.state()
            if "response" in update:
                update["response"] = self.response and self.response.state()
            try:
                result = await self.gateway.mono.run(self.request_id, work, update, self._read)
            except ExpressionFailed as failure:
                self._consume(failure.consumed)
                raise _evaluation_failed(failure, owners or {}) from None
            finally:
                oversize, self._oversize = self._oversize, None
            if oversize:
                raise oversize
        spent = self.gateway.spent
        spent.update(batches=1, expressions=result.expressions, microseconds=result.microseconds)
        self.traces += result.traces
        self._consume(result.consumed)
        return result

    async def _read(self, what: str) -> bytes:
        body = self.request.body if what == "request" else self.response and self.response.body
        data = await body.bytes() if body else b""
        if len(data) > self.gateway.config.buffer_limit:
            if self.gateway.config.readings.oversize == "throw":
                raise OSError(f"the {what} is larger than this tier can buffer")
            self._oversize = oversize_error(self.gateway, what)
        return data

    def _consume(self, parts: list[str]) -> None:
        if "request" in parts and self.request.body:
            self.request.body.consume()
        if "response" in parts and self.response:
            self.response.body.consume()
            self.response.stream = None


def _evaluation_failed(failure: ExpressionFailed, owners: dict[int, Node]) -> PolicyError:
    message = f"Expression evaluation failed. {failure}"
    error = PolicyError("expression", "ExpressionValueEvaluationFailure", message)
    if owner := owners.get(failure.number):
        error.source, error.path = owner.name, f"{owner.file}:{owner.line}"
        error.policy_id = str(owner.attributes.get("id", ""))
    return error


def oversize_error(gateway: Gateway, what: str) -> PolicyError:
    """The error of a body that is larger than the tier can hold."""
    status = 413 if gateway.config.readings.oversize == "413" else 500
    return PolicyError("buffer", "PayloadTooLarge", f"The {what} is larger than this tier can buffer.", status)


def plain(value: dict[str, str] | None) -> Any:
    """A typed value of the pipe as Python's own."""
    if value is None:
        return None
    kind, text = value["t"], value["v"]
    if kind == "Boolean":
        return text == "true"
    if kind in _NUMBERS:
        return int(text)
    return text


def error_response(error: PolicyError, request_id: str) -> Response:
    """The answer that a caller gets for a policy error unless `on-error` changes it."""
    message = "Internal server error" if error.status == 500 else error.message
    document: dict[str, Any] = {"statusCode": error.status, "message": message}
    if error.status == 500:
        document["activityId"] = request_id
    headers = CIMultiDict({"Content-Type": "application/json", **error.headers})
    return Response(error.status, headers, Body(json.dumps(document).encode()), error.status_reason)
