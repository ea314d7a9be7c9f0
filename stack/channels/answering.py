"""Runs a stand-in's work for one request, with the trouble that a test asked for."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from stack.channels.board import Board

Work = Callable[[web.Request], Awaitable[web.Response]]


def answering(board: Board, work: Work) -> Work:
    """The work behind the board's trouble."""

    async def handle(request: web.Request) -> web.Response:
        if refusal := await board.before():
            status, wait = refusal
            return web.Response(status=status, headers={"Retry-After": wait} if wait else None)
        answer = await work(request)
        if board.is_closed_after():
            assert request.transport is not None
            request.transport.abort()
        return answer

    return handle
