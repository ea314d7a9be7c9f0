"""Indexes and invokes a function app with Microsoft's own worker library: what it rejects fails here.

`index(app_dir)` returns the names of the functions; `invoke(app_dir, name, trigger)` runs one of them.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stack.example import ROOT

NUMBERS = {"undefined": 0, "out": 1, "inout": 2}
OWN_FOLDER = ROOT / ".venv" / "worker"  # where scripts/setup puts the library on Python before 3.13


class WorkerError(Exception):
    """The worker's own words about an app it cannot index or a function that failed."""


class _Enumerators(type):
    """Lets `StatusResult.Success` be its own name, `RpcHttpCookie.SameSite.Lax`, too, and a direction its number."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Message if name == "SameSite" else NUMBERS.get(name, name)


class _Message(metaclass=_Enumerators):
    """Stands for any protobuf message: it holds the fields it was given."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        self.__dict__.update(fields)

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's name
        """Return the name of the one field that is set."""
        return next(iter(self.fields), None)


class _Protos:
    """Stands for the generated protobuf module."""

    def __getattr__(self, name: str) -> type[_Message]:
        if name.startswith("_"):
            raise AttributeError(name)
        return type(name, (_Message,), {})


PROTOS = _Protos()


def index(app_dir: Path) -> list[str]:
    """Return the names of the functions that the worker finds; raise `WorkerError` if it refuses."""
    with _worker(app_dir) as (_library, functions):
        return sorted(functions)


def invoke(app_dir: Path, name: str, trigger: Any = None) -> Any:
    """Run one function and return what it answers: an HTTP message, or None.

    `trigger` is an event (a mapping) for Event Grid, None for a timer, and for HTTP a mapping with `method`,
    `url`, and where needed `headers` and `body`.
    """
    with _worker(app_dir) as (library, functions):
        if name not in functions:
            raise WorkerError(f"no function {name}; the app has {', '.join(sorted(functions))}")
        identity = functions[name]
        parameter, binding = _trigger_of(library, identity)
        data = _typed_data(binding, trigger)
        request = SimpleNamespace(
            invocation_id="local",
            function_id=identity,
            input_data=[_Message(data=data, name=parameter)],
            trigger_metadata={},
            trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
            retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
        )
        wrapped = SimpleNamespace(request=SimpleNamespace(invocation_request=request))
        answer = asyncio.run(library.invocation_request(wrapped))
        _raise_for(answer)
        value = answer.return_value
        return value.fields["http"] if isinstance(value, _Message) and value.WhichOneof("data") == "http" else None


@contextmanager
def _worker(app_dir: Path) -> Iterator[tuple[Any, Mapping[str, str]]]:
    before, modules = list(sys.path), set(sys.modules)
    sys.path[:0] = [str(app_dir)]
    sys.path.append(str(OWN_FOLDER))
    _leave_out_what_the_app_lacks()
    sys.modules.pop("function_app", None)
    try:
        from azure_functions_runtime import handle_event

        init = SimpleNamespace(capabilities={}, function_app_directory=str(app_dir))
        properties = {"host": "127.0.0.1", "protos": PROTOS}
        request = SimpleNamespace(request=SimpleNamespace(worker_init_request=init), properties=properties)
        _raise_for(asyncio.run(handle_event.worker_init_request(request)))
        results = asyncio.run(handle_event.functions_metadata_request(request)).function_metadata_results
        if not results:
            raise WorkerError(f"the worker found no functions in {app_dir}")
        yield handle_event, {result.name: result.function_id for result in results}
    finally:
        sys.path[:] = before
        for name in set(sys.modules) - modules:
            if name.partition(".")[0] in {"azure_functions_runtime", "function_app"}:
                del sys.modules[name]


def _leave_out_what_the_app_lacks() -> None:
    """In Azure there is no orjson, which azure-functions would read JSON with; tools of the tests bring it along."""
    if "azure.functions" not in sys.modules:
        sys.modules.setdefault("orjson", None)  # type: ignore[arg-type]  # None: importing it fails


def _trigger_of(library: Any, identity: str) -> tuple[str, str]:
    for name, kind in library._functions.get_function(identity).input_types.items():  # noqa: SLF001
        if library.is_trigger_binding(kind.binding_name):
            return name, kind.binding_name
    raise WorkerError(f"function {identity} has no trigger")


def _typed_data(binding: str, trigger: Any) -> _Message:
    if binding == "timerTrigger":
        return _Message(json=json.dumps({"IsPastDue": False, "ScheduleStatus": None, "Schedule": {}}))
    if binding != "httpTrigger":
        return _Message(json=json.dumps(trigger))
    http = _Message(
        method=trigger["method"],
        url=trigger["url"],
        headers=trigger.get("headers", {}),
        params={},
        query=trigger.get("query", {}),
        body=_Message(bytes=trigger.get("body", b"")),
    )
    return _Message(http=http)


def _raise_for(answer: Any) -> None:
    if answer.result.status != "Success":
        raise WorkerError(f"{answer.result.exception.message}\n{answer.result.exception.stack_trace}")
