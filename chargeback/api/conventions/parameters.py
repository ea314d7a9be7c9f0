"""Refuses parameters that would be ignored: a filter that nobody reads gives figures that nobody asked for."""

from collections.abc import Mapping
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.dependencies.models import Dependant

from chargeback.api.errors import ApiError, ErrorDetail

MOST_VALUES = 200
"""Values of all parameters of a request together."""

MOST_CHARACTERS = 512
"""A value has no more than that. A cursor may be longer: it is checked by itself."""

MOST_QUERY = 12_000
"""Characters of all parameters together. Proxies and API Management carry a little more."""


def parameters_of(dependant: Dependant) -> Mapping[str, bool]:
    """The query parameters that a route reads → whether it takes several values."""
    found = {each.alias: _is_list(each.field_info.annotation) for each in dependant.query_params}
    for each in dependant.dependencies:
        found |= parameters_of(each)
    return found


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(get_origin(each) is list for each in get_args(annotation))


def check_parameters(request: Request, known: Mapping[str, bool]) -> None:
    """400 for parameters that the route does not know, that are given twice, or that no answer can depend on."""
    query = request.scope["query_string"]
    if len(query) > MOST_QUERY:
        raise ApiError(414, "QueryTooLong", f"the parameters have more than {MOST_QUERY} characters: ask for less")
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    faults = [fault for name, value in pairs if (fault := _fault(name, value, known))]
    names = [name for name, _ in pairs]
    twice = sorted({each for each in names if known.get(each) is False and names.count(each) > 1})
    faults += [ErrorDetail("RepeatedParameter", "give it once", each) for each in twice]
    if len(pairs) > MOST_VALUES:
        faults.append(ErrorDetail("TooManyValues", f"give {MOST_VALUES} values at most, or fewer filters", "query"))
    if faults:
        first = faults[0]
        message = f"{first.target}: {first.message}"
        raise ApiError(400, first.code, message, target=first.target, details=faults[:20])


def _fault(name: str, value: str, known: Mapping[str, bool]) -> ErrorDetail | None:
    shown = "".join(each if each.isprintable() else "?" for each in name[:100])
    if name not in known:
        names = ", ".join(sorted(known)) or "none"
        return ErrorDetail("UnknownParameter", f"this is no parameter here; known are: {names}", shown)
    if any(ord(each) < 32 or each in "\x7f\ufffd" or "\ud800" <= each <= "\udfff" for each in value):
        return ErrorDetail("InvalidParameter", "it has characters that no name has", shown)
    if len(value) > MOST_CHARACTERS and name != "cursor":
        return ErrorDetail("InvalidParameter", f"it has more than {MOST_CHARACTERS} characters", shown)
    return None
