"""Live, ready and healthy: for load balancers, for the platform and for people."""

from fastapi import APIRouter, Response

from chargeback.bootstrap import Container


def router(container: Container) -> APIRouter:
    """The probes; none of them needs a key and none of them says more than an operator needs."""
    routes = APIRouter(tags=["health"])

    @routes.get("/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @routes.get("/ready")
    async def ready(response: Response) -> dict[str, str]:
        """Events can be taken: every store answers; 503 otherwise."""
        health = await container.probe.check()
        response.status_code = 200 if health.ready else 503
        return {"status": "ready" if health.ready else "not ready"}

    @routes.get("/health")
    async def health(response: Response) -> dict[str, object]:
        """Each store's state and the catalogue in force; 503 if a store is away."""
        health = await container.probe.check()
        response.status_code = 200 if health.ready else 503
        return {
            "status": "healthy" if health.ready else "unhealthy",
            "stores": {name: fault or "ok" for name, fault in health.faults.items()},
        }

    return routes
