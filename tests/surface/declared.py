"""What the code declares: log lines, commands, settings, configuration, functions, routes, events and containers."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Any, get_args
from unittest.mock import MagicMock

import msgspec
import typer
from pydantic_core import PydanticUndefined

from chargeback.api.app import http_api
from chargeback.bootstrap import Container
from chargeback.cli import app
from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.documents import EventDocument
from chargeback.domain.events.usage_event import EVER, read_event
from chargeback.settings import AppSettings, setting_name
from stack.example import EXAMPLE_CONFIG
from tests.support.builders import cloud_event
from tests.surface.configuration import configuration
from tests.surface.documents import DOCUMENTS, WITHIN
from tests.surface.log_lines import PACKAGE, logged_fields

ROOT = PACKAGE.parent
SETTINGS = {
    "CHARGEBACK_STORAGE_ACCOUNT_URL": "https://account.blob.core.windows.net",
    "CHARGEBACK_COSMOS_ENDPOINT": "https://account.documents.azure.com",
    "CHARGEBACK_REDIS_URL": "redis://127.0.0.1:6379",
    "CHARGEBACK_EVENTS_KEY": "the-events-key-of-32-characters-x",
    "CHARGEBACK_KEY_VAULT_URL": "https://vault.vault.azure.net",
    "LOG_ANALYTICS_WORKSPACE_ID": "11111111-2222-3333-4444-555555555555",
    "FINOPS_HUB_URL": "https://hub.blob.core.windows.net",
    "CHARGEBACK_CONFIG_DIR": str(EXAMPLE_CONFIG),
}


def settings() -> AppSettings:
    """The settings of an installation that has everything; no server is there."""
    return AppSettings.model_validate(SETTINGS)  # type: ignore[call-arg,arg-type]


def log_lines() -> Iterator[str]:
    """Each event, and each of its fields."""
    for event, fields in logged_fields().items():
        yield event
        yield from (f"{event}: {field}" for field in fields)


def commands() -> Iterator[str]:
    """Each command, and each of its arguments and options with what may be said of it."""
    yield from _command("chargeback", typer.main.get_command(app))


def documents() -> Iterator[str]:
    """Each field of what commands print with `--json`."""
    for command, kind in DOCUMENTS.items():
        schema = msgspec.json.schema(kind)
        yield from (f"{command} --json: {field}" for field in _fields(schema, schema["$defs"]))
    for command, prefix, kind in WITHIN:
        yield from (f"{command} --json: {field}" for field in _fields_one_by_one(kind, prefix))


def _fields_one_by_one(kind: type[msgspec.Struct], prefix: str) -> Iterator[str]:
    """The same for a type that is only ever written, so that a field of it may be one of two objects."""
    for each in msgspec.structs.fields(kind):
        name = f"{prefix}{each.encode_name}"
        yield name + (": required" if each.required else "")
        kinds = get_args(each.type) if isinstance(each.type, UnionType) else (each.type,)
        for schema in (msgspec.json.schema(one) for one in kinds if one is not msgspec.UnsetType):
            yield from _fields(schema, schema.get("$defs", {}), f"{name}.")


def _command(name: str, command: Any) -> Iterator[str]:
    yield name
    for parameter in command.params:
        yield f"{name} {_parameter(parameter)}"
    for each, below in getattr(command, "commands", {}).items():
        yield from _command(f"{name} {each}", below)


def _parameter(parameter: Any) -> str:
    """Typer brings a command line library of its own, so the types of its parameters have no public name."""
    names = ", ".join(parameter.opts) + "".join(f" / {each}" for each in parameter.secondary_opts)
    if parameter.param_type_name == "argument":
        names = parameter.metavar or parameter.name.upper()
    said = ["flag" if getattr(parameter, "is_flag", False) else _kind(parameter.type_descriptor.annotation)]
    said += [f"{name} {bound}" for name in ("min", "max") if (bound := getattr(parameter, name)) is not None]
    said += ["required"] if parameter.required else []
    said += ["repeatable"] if getattr(parameter, "multiple", False) else []
    said += [f"default {_plain(parameter.default)!r}"] if parameter.default not in (None, "") else []
    said += [f"env {parameter.envvar}"] if parameter.envvar else []
    return f"{names}: {', '.join(said)}"


def _kind(annotation: Any) -> str:
    """What a parameter takes: the values of an enumeration, else the name of a plain type."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(str(each.value) for each in annotation)
    return getattr(annotation, "__name__", str(annotation)).lower()


def _plain(value: Any) -> Any:
    return Path(value).relative_to(ROOT).as_posix() if isinstance(value, Path) else value


def setting_names() -> Iterator[str]:
    """Each setting with its default."""
    for name, field in AppSettings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        yield f"{setting_name(name)}: " + ("required" if default is PydanticUndefined else f"default {default!r}")


def functions() -> Iterator[str]:
    """Each function with what triggers it, and when."""
    environment = {**os.environ, **SETTINGS}
    answer = subprocess.check_output([sys.executable, "-c", _INDEX], cwd=ROOT, env=environment, text=True)
    for name, described in json.loads(answer).items():
        for binding in described["bindings"]:
            yield f"{name}: {', '.join(_binding(binding))}"


_INDEX = """
import json
from function_app import app
print(json.dumps({each.get_function_name(): json.loads(str(each)) for each in app.get_functions()}))
"""


def _binding(binding: Mapping[str, Any]) -> Iterator[str]:
    yield f"{binding['direction'].lower()} {binding['type']} {binding['name']}"
    yield from (f"{name} {value}" for name, value in binding.items() if name not in ("direction", "type", "name"))


def routes() -> Iterator[str]:
    """Each route with its method and its headers."""
    for path, methods in http_api(Container(settings())).openapi()["paths"].items():
        for method, described in methods.items():
            yield f"{method.upper()} {path}"
            for header in described.get("parameters", ()):
                yield f"{method.upper()} {path}: {header['in']} {header['name']}"


def events() -> Iterator[str]:
    """The types of usage events that are taken, and each field that is read of them."""
    yield from (f"type {each}" for each in _strings(r"chargeback\.usage\.\w+\.v\d+") if _is_taken(each))
    yield from (f"unusable because {each}" for each in _reasons())
    schema = msgspec.json.schema(EventDocument)
    yield from _fields(schema, schema["$defs"])


def _is_taken(type_: str) -> bool:
    try:
        read_event(msgspec.json.encode(cloud_event() | {"type": type_}), EVER)
    except InvalidEvent:
        return False
    return True


def _reasons() -> Iterator[str]:
    """The words by which unusable events are grouped."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=InvalidEvent.__name__), args=[ast.Constant(value=str(reason)), *_]):
                    yield reason


def _strings(pattern: str) -> set[str]:
    """The string literals of the code that are like this."""
    return {
        node.value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(pattern, node.value)
    }


def _fields(
    schema: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "", within: tuple[str, ...] = ()
) -> Iterator[str]:
    """The fields of a schema, with those of the objects in it, but not those of an object within one of its kind."""
    if (reference := schema.get("$ref", "").rpartition("/")[2]) in within:
        return
    if reference:
        schema, within = known[reference], (*within, reference)
    for each in schema.get("anyOf", ()):
        yield from _fields(each, known, prefix, within)
    if isinstance(values := schema.get("additionalProperties"), dict):
        yield f"{prefix}<name>"
        yield from _fields(values, known, f"{prefix}<name>.", within)
    if isinstance(items := schema.get("items"), dict):
        yield from _fields(items, known, prefix, within)
    for name, inner in schema.get("properties", {}).items():
        yield f"{prefix}{name}" + (": required" if name in schema.get("required", ()) else "")
        yield from _fields(inner, known, f"{prefix}{name}.", within)


_PART = (property, cached_property)


def containers() -> Iterator[str]:
    """The containers of Blob storage and of Cosmos DB that are asked for."""
    clients = {name: MagicMock() for name in ("blobs", "hub_blobs", "cosmos", "credential")}
    container = Container(settings())
    container.__dict__.update(clients)
    for name, _ in inspect.getmembers_static(type(container), lambda member: isinstance(member, _PART)):
        getattr(container, name)
    for client, of in (("blobs", "Blob storage"), ("hub_blobs", "Blob storage of a FinOps hub")):
        yield from (f"{of}: {call.args[0]}" for call in clients[client].get_container_client.call_args_list)
    database = clients["cosmos"].get_database_client
    yield from (f"Cosmos DB: {call.args[0]}" for call in database.return_value.get_container_client.call_args_list)


def declared() -> dict[str, list[str]]:
    """Section → its lines."""
    return {
        "Log lines": list(log_lines()),
        "Commands": list(commands()),
        "Documents of commands": list(documents()),
        "Settings": list(setting_names()),
        "Configuration": list(configuration()),
        "Functions": list(functions()),
        "Routes": list(routes()),
        "Events": list(events()),
        "Containers": list(containers()),
    }
