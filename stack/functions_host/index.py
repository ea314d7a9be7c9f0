"""Loads a function app as written and lists its functions with their triggers, routes and schedules."""

import importlib.util
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import azure.functions as func

SETTING = re.compile(r"%([^%]+)%")


class AppError(Exception):
    """The function app cannot be loaded; the message says why."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app with its trigger as the host sees it."""

    name: str
    call: Callable[..., Any]
    trigger: Mapping[str, Any]
    is_async: bool
    takes_context: bool

    @property
    def type(self) -> str:
        """The trigger's type, such as `timerTrigger`."""
        return str(self.trigger["type"])


def load_settings(directory: Path) -> None:
    """Put the `Values` of local.settings.json into the environment where it has no such name yet."""
    file = directory / "local.settings.json"
    if not file.exists():
        return
    try:
        values = json.loads(file.read_text())["Values"]
        for name, value in values.items():
            os.environ.setdefault(name, str(value))
    except (ValueError, KeyError, AttributeError) as error:
        raise AppError(f"{file}: expected JSON with an object `Values` ({error!r})") from error


def load_app(directory: Path) -> tuple[func.FunctionRegister, list[Function]]:
    """Import function_app.py from `directory` and return its app object and functions."""
    file = directory / "function_app.py"
    sys.path.insert(0, str(directory))
    spec = importlib.util.spec_from_file_location("function_app", file)
    if spec is None or spec.loader is None or not file.exists():
        raise AppError(f"{file}: no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["function_app"] = module
    try:
        spec.loader.exec_module(module)
        app = _only_app(module)
        functions = [_describe(function) for function in app.get_functions()]
    except AppError:
        raise
    except (Exception, SystemExit) as error:
        raise AppError(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
    if not functions:
        raise AppError(f"{file} registers no functions")
    return app, functions


def route_prefix(directory: Path) -> str:
    """Return host.json's `extensions.http.routePrefix`, which is `api` unless it says otherwise."""
    host = _host_json(directory)
    return str(host.get("extensions", {}).get("http", {}).get("routePrefix", "api")).strip("/")


def function_timeout(directory: Path) -> float:
    """Return host.json's `functionTimeout` in seconds: 30 minutes unless it says otherwise."""
    text = str(_host_json(directory).get("functionTimeout", "00:30:00"))
    try:
        hours, minutes, seconds = map(float, text.split(":"))
    except ValueError as error:
        raise AppError(f"functionTimeout {text!r} is not hh:mm:ss") from error
    return hours * 3600 + minutes * 60 + seconds


def _host_json(directory: Path) -> dict[str, Any]:
    file = directory / "host.json"
    try:
        return dict(json.loads(file.read_text())) if file.exists() else {}
    except ValueError as error:
        raise AppError(f"{file} is not JSON: {error}") from error


def resolve(text: str) -> str:
    """Replace each `%NAME%` by the setting of that name; a missing one is an error."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in os.environ:
            raise AppError(f"{text!r}: there is no setting {name}")
        return os.environ[name]

    return SETTING.sub(value, text)


def _only_app(module: Any) -> func.FunctionRegister:
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        found = "no" if not apps else "more than one"
        raise AppError(f"{module.__file__}: {found} top-level function app; exactly one is needed")
    return apps[0]


def _describe(function: Any) -> Function:
    name = function.get_function_name()
    trigger = function.get_trigger()
    if trigger is None:
        raise AppError(f"function {name} has no trigger")
    call = function.get_user_function()
    plain = {key: _plain(value) for key, value in trigger.get_dict_repr().items()}
    parameters = inspect.signature(call).parameters
    if plain["name"] not in parameters:
        raise AppError(f"function {name} has no parameter named {plain['name']!r}, as its trigger says it has")
    return Function(name, call, plain, inspect.iscoroutinefunction(call), "context" in parameters)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str) else value.name
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
