"""Runs the sections of a call, and the policies in each, in their order."""

from collections.abc import Awaitable, Callable, Sequence

from stack.gateway.call import Call, error_response
from stack.gateway.errors import PolicyError, ResponseReady
from stack.gateway.nodes import Node
from stack.gateway.programs import Program, branches

Executor = Callable[[Call, Node], Awaitable[None]]
_EXECUTORS: dict[str, Executor] = {}


def policy(*names: str) -> Callable[[Executor], Executor]:
    """Declare what executes the elements `names`."""

    def register(executor: Executor) -> Executor:
        _EXECUTORS.update(dict.fromkeys(names, executor))
        return executor

    return register


def executable() -> frozenset[str]:
    """The elements that can be run."""
    return frozenset(_EXECUTORS) | {"set-variable", "choose"}


async def run_policies(call: Call, nodes: Sequence[Node]) -> None:
    """Run `nodes` one after the other."""
    place = 0
    while place < len(nodes):
        program = call.gateway.program(nodes, place)
        node = nodes[place]
        try:
            if program.steps:
                await _run_program(call, program)
            else:
                await _EXECUTORS[node.name](call, node)
        except ValueError as invalid:
            # An expression gave a value that the policy cannot use, such as a status that is not a number.
            where = f"{node.file}:{node.line}"
            named = str(node.attributes.get("id", ""))
            raise PolicyError(
                node.name, "InvalidValue", str(invalid), path=where, section=call.section, policy_id=named
            ) from None
        except PolicyError as error:
            if error.source == "expression":
                error.source = node.name
            error.path = error.path or f"{node.file}:{node.line}"
            error.section = error.section or call.section
            if error.policy_id is None:
                error.policy_id = str(node.attributes.get("id", ""))
            raise
        place = max(program.following, place + 1)


async def _run_program(call: Call, program: Program) -> None:
    taken = await call.execute(program)
    if program.last and taken >= 0:
        await run_policies(call, branches(program.last)[taken].children)


async def run_call(call: Call, refused: PolicyError | None = None) -> None:
    """Run the whole pipeline, or only `on-error` for a call that is refused before it.

    Afterwards `call.response` is what the caller gets.
    """
    try:
        if refused:
            raise refused
        for section in ("inbound", "backend", "outbound"):
            await _section(call, section)
    except ResponseReady:
        return
    except PolicyError as error:
        await _on_error(call, error)


async def _section(call: Call, section: str) -> None:
    call.section = section
    product = call.caller.product["Id"] if call.caller.product else None
    await run_policies(call, call.gateway.pipeline(call.api, product, section))


async def _on_error(call: Call, error: PolicyError) -> None:
    if not (call.response and error.reason == "ErrorStatusCode"):
        if call.response:
            call.response.discard()
        call.response = error_response(error, call.request_id)
    call.fail(error)
    call.changed("response")
    try:
        await _section(call, "on-error")
    except ResponseReady:
        return
    except PolicyError as second:
        call.traces.append(f"on-error failed: {second.path}: {second.message}")
        call.response = error_response(PolicyError("on-error", second.reason, second.message), call.request_id)
