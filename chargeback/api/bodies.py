"""Reads a request's body up to a limit."""

from fastapi import HTTPException, Request


async def bounded(request: Request, limit: int) -> bytes:
    """The body, of which no more bytes are read than `limit`; 413 for a longer one."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the body is above the limit of {limit} bytes")
    return bytes(body)
