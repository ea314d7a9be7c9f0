"""Probes that say whether the process is live, ready and healthy, for load balancers, the platform and people."""

import logging

import msgspec
from fastapi import APIRouter, Response

from chargeback.api.conventions.documents import answer_of
from chargeback.bootstrap import Container
from chargeback.log_line import log_line

log = logging.getLogger(__name__)


class ProbeAnswer(msgspec.Struct, frozen=True):
    """What a probe says."""

    status: str


class HealthAnswer(msgspec.Struct, frozen=True):
    """Whether the product is well.

    Attributes:
        stores: store → `ok` or `away`.
    """

    status: str
    stores: dict[str, str]


READY = answer_of(ProbeAnswer) | answer_of(ProbeAnswer, 503)
HEALTH = answer_of(HealthAnswer) | answer_of(HealthAnswer, 503)


def router(container: Container) -> APIRouter:
    """The probes; none of them needs a key and none of them says more than an operator needs."""
    routes = APIRouter(tags=["health"])

    @routes.get("/live", operation_id="isLive", summary="Is it live?", responses=answer_of(ProbeAnswer))
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @routes.get("/ready", operation_id="isReady", summary="Can events be taken?", responses=READY)
    async def ready(response: Response) -> dict[str, str]:
        """Events can be taken: every store answers; 503 otherwise."""
        health = await container.probe.check()
        response.status_code = 200 if health.ready else 503
        return {"status": "ready" if health.ready else "not ready"}

    @routes.get("/health", operation_id="getHealth", summary="Is each store well?", responses=HEALTH)
    async def health(response: Response) -> dict[str, object]:
        """Each store's state; 503 if one is away. What is wrong with it is in the log, not for everybody to read."""
        health = await container.probe.check()
        response.status_code = 200 if health.ready else 503
        for name, fault in health.faults.items():
            if fault:
                log_line(log, "store_away", level=logging.WARNING, store=name, fault=fault)
        return {
            "status": "healthy" if health.ready else "unhealthy",
            "stores": {name: "away" if fault else "ok" for name, fault in health.faults.items()},
        }

    return routes
