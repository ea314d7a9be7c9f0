"""Which HTTP status each error answers with, in one table."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from chargeback.domain.errors import ChargebackError, InvalidConfig, InvalidEvent, StoreUnavailable

STATUS: dict[type[ChargebackError], int] = {
    InvalidEvent: 400,
    InvalidConfig: 400,
    StoreUnavailable: 503,
}
"""A store that is away asks for a retry in 10 s, so nothing that was refused is lost."""


def register_errors(api: FastAPI) -> None:
    """Answer our errors with their status and text."""

    async def answer(_: Request, error: Exception) -> JSONResponse:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
        headers = {"Retry-After": "10"} if status == 503 else None
        return JSONResponse({"error": {"code": type(error).__name__, "message": str(error)}}, status, headers)

    api.add_exception_handler(ChargebackError, answer)
