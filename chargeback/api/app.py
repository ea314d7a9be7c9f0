"""Builds the HTTP API: takes usage events, tells a gateway about objects and budgets, and people about costs."""

from fastapi import FastAPI

from chargeback.api import audit_log, prices
from chargeback.api.acting import operation_routes
from chargeback.api.budgets import definitions, explained, predictions, replays, rules, standing
from chargeback.api.costs import analytics, applications, comparison, figures, open_usage, own_usage, reports, values
from chargeback.api.documentation import router as documentation
from chargeback.api.machines import machine_api
from chargeback.api.outlook import alerts, explanations, forecasts
from chargeback.api.periods import corrections, files, months, obstacles, reconciliations
from chargeback.api.repairs import set_aside
from chargeback.bootstrap import Container


def http_api(container: Container) -> FastAPI:
    """The API over a container, under /api."""
    api = machine_api(container)
    for routes in (audit_log, figures, comparison, own_usage, open_usage, values, applications, reports, analytics):
        api.include_router(routes.router(container), prefix="/api/v1")
    for routes in (definitions, standing, explained, replays, rules, predictions):
        api.include_router(routes.router(container), prefix="/api/v1")
    for routes in (months, files, operation_routes, prices):
        api.include_router(routes.router(container), prefix="/api/v1")
    for routes in (forecasts, explanations, alerts, set_aside, obstacles, corrections, reconciliations):
        api.include_router(routes.router(container), prefix="/api/v1")
    api.include_router(documentation.router(api), prefix="/api/v1")
    return api
