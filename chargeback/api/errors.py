"""Answers every refusal in one shape: a code that programs compare, a message that people read.

`{"error": {"code", "message", "target", "details"}}`, with the code as header `x-ms-error-code` too
(github.com/microsoft/api-guidelines, azure/Guidelines.md).
"""

import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from chargeback.domain.errors import (
    ApprovalRefused,
    ChargebackError,
    ClosingRefused,
    Conflict,
    InvalidConfig,
    InvalidEvent,
    InvalidQuery,
    InvalidRequest,
    InvoiceMissing,
    NotThere,
    PeriodClosed,
    PostingRefused,
    QueryRefused,
    QueryTooLarge,
    StoreUnavailable,
    Superseded,
    TrueUpRefused,
)
from chargeback.log_line import log_line

log = logging.getLogger(__name__)

STATUS: dict[type[ChargebackError], int] = {
    InvalidEvent: 400,
    InvalidConfig: 400,
    InvalidRequest: 400,
    InvalidQuery: 400,
    QueryTooLarge: 400,
    PeriodClosed: 409,
    ClosingRefused: 409,
    ApprovalRefused: 409,
    PostingRefused: 409,
    TrueUpRefused: 409,
    InvoiceMissing: 409,
    Conflict: 409,
    Superseded: 409,
    StoreUnavailable: 503,
}
"""Errors whose text is for whoever asks. Every other one is a failure of ours: 500, and its text is in the log."""

_AWAY = "a store is away at the moment: send the same request again"
_FAILED = (
    "something failed here, and the log says what: send the same request again, or tell an operator the x-ms-request-id"
)
_CODES = {
    400: "BadRequest",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "BodyTooLarge",
    503: "StoreUnavailable",
}


_PLACED = re.compile(r"(?P<place>[A-Za-z][A-Za-z0-9.\[\]]*): (?P<fault>.+)", re.DOTALL)

_PARAMETERS = {
    "first": "startDate",
    "last": "endDate",
    "by": "groupBy",
    "most": "top",
    "compare_first": "compareStartDate",
    "compare_last": "compareEndDate",
    "group_by": "groupBy",
    "top": "maxpagesize",
    "cost_centre": "costCentre",
    "deployment_type": "deploymentType",
    "state": "usageState",
}
"""A part of a question → the parameter that says it, where it has another name."""


class ErrorDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of several things that are wrong.

    Attributes:
        target: the parameter or the place in the body.
    """

    code: str
    message: str
    target: str = ""


class ErrorText(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong.

    Attributes:
        code: for programs; it does not change.
        message: for people.
        target: the parameter or the place in the body.
        details: where several things are wrong, each of them.
    """

    code: str
    message: str
    target: str = ""
    details: tuple[ErrorDetail, ...] = ()


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer that refuses something."""

    error: ErrorText


class ApiError(Exception):
    """A request is refused. What may be wrong with many things at once names each in `details`."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str = "",
        details: Sequence[ErrorDetail] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.text = ErrorText(code, message, target, tuple(details))
        self.headers = dict(headers or {})


def not_found() -> ApiError:
    """What does not exist and what somebody may not know are answered alike."""
    return ApiError(404, "NotFound", "there is no such thing, or you may not see it")


def error_answer(error: ApiError) -> Response:
    """The answer that refuses."""
    headers = {"x-ms-error-code": error.text.code, "Cache-Control": "no-store", **error.headers}
    return Response(msgspec.json.encode(ErrorAnswer(error.text)), error.status, headers, "application/json")


def failed(request: Request, error: Exception) -> ApiError:
    """The answer to a failure of ours. What failed goes to the log, and nothing of it to whoever asks."""
    if isinstance(error, StoreUnavailable):
        log_line(log, "request_refused", level=logging.WARNING, path=request.url.path, reason=error)
        return ApiError(503, "StoreUnavailable", _AWAY, headers={"Retry-After": "10"})
    log_line(log, "request_failed", level=logging.ERROR, path=request.url.path, kind=type(error).__name__, reason=error)
    return ApiError(500, "InternalError", _FAILED)


def register_errors(api: FastAPI) -> None:
    """Give every error its answer."""

    async def refused(request: Request, error: Exception) -> Response:
        return error_answer(_as_api_error(request, error))

    for kind in (ApiError, ChargebackError, HTTPException, RequestValidationError):
        api.add_exception_handler(kind, refused)


def _as_api_error(request: Request, error: Exception) -> ApiError:
    match error:
        case ApiError():
            return error
        case RequestValidationError():
            return _invalid_parameters(error)
        case HTTPException(status_code=404, detail="Not Found"):  # no route has the path
            return not_found()
        case NotThere():
            return not_found()
        case HTTPException():
            code = _CODES.get(error.status_code) or HTTPStatus(error.status_code).phrase.title().replace(" ", "")
            return ApiError(error.status_code, code, str(error.detail), headers=error.headers)
        case InvalidQuery():
            return _refused_query(error)
        case InvalidConfig():
            return _invalid_entry(error)
        case QueryRefused():
            return ApiError(503, "TooBusy", str(error), headers={"Retry-After": "2"})
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    return failed(request, error) if status >= 500 else ApiError(status, type(error).__name__, str(error))


def _invalid_parameters(error: RequestValidationError) -> ApiError:
    details = [
        ErrorDetail("InvalidParameter", str(each["msg"]), ".".join(map(str, each["loc"][1:])))
        for each in error.errors()
    ]
    first = details[0]
    return ApiError(400, "InvalidParameter", f"{first.target}: {first.message}", target=first.target, details=details)


def _invalid_entry(error: InvalidConfig) -> ApiError:
    """What is wrong with an entry, each fault at its place such as `steps[0].percent`."""
    placed = [_PLACED.fullmatch(each) for each in error.faults]
    details = [
        ErrorDetail(type(error).__name__, found["fault"] if found else fault, found["place"] if found else "")
        for found, fault in zip(placed, error.faults, strict=True)
    ]
    first = details[0] if details else ErrorDetail(type(error).__name__, str(error))
    return ApiError(400, type(error).__name__, str(error), target=first.target, details=details)


def _refused_query(error: InvalidQuery) -> ApiError:
    faults = {_PARAMETERS.get(part, part): fault for part, fault in error.faults.items()}
    details = [ErrorDetail("InvalidParameter", fault, name) for name, fault in faults.items()]
    first = details[0]
    return ApiError(400, first.code, f"{first.target}: {first.message}", target=first.target, details=details)
