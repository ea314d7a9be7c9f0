"""Writes Python values as Bicep literals."""

import re
from typing import Any

KNOWN_TO_AZURE_ALONE = re.compile(r"\[(?!\[)")


def written(value: Any) -> str:
    """A value as Bicep writes it; what only Azure knows is of any type."""
    match value:
        case None:
            return "null"
        case bool() | int():
            return str(value).lower()
        case float():
            return f"json('{value}')"
        case str() if KNOWN_TO_AZURE_ALONE.match(value):
            return "any('known to Azure')"
        case str():
            return quoted(value)
        case list():
            return "[\n" + "".join(f"{written(item)}\n" for item in value) + "]"
        case _:
            return "{\n" + "".join(f"{_key(key)}: {written(item)}\n" for key, item in value.items()) + "}"


def quoted(text: str) -> str:
    """Text within Bicep's quotes."""
    for plain, escaped in (("\\", "\\\\"), ("'", "\\'"), ("${", "\\${"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, escaped)
    return f"'{text}'"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else quoted(name)
