"""Makes the routes for people: none is reached without a valid token, and none ignores a parameter."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from chargeback.api.conventions.pages import continue_list
from chargeback.api.conventions.parameters import check_parameters, parameters_of
from chargeback.api.conventions.recorded import record_read, recorded_act
from chargeback.api.people import identify


class PeopleRoute(APIRoute):
    """A route that knows who asks before it looks at anything else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the checks and the records that every route has."""
        answer = super().get_route_handler()
        known = parameters_of(self.dependant)
        operation = self.operation_id or self.name

        async def handle(request: Request) -> Response:
            request.state.requester = who = await identify(request)
            request = await continue_list(request, known)
            check_parameters(request, known)
            async with recorded_act(request, who, operation):
                response = await answer(request)
            await record_read(request, who, operation, response)
            return response

        return handle


def people_routes(tag: str) -> APIRouter:
    """A router whose routes need a token, under one heading of the documentation."""
    return APIRouter(route_class=PeopleRoute, tags=[tag], redirect_slashes=False)
