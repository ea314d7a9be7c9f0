"""GET /api/v1/applications/descriptions: whose an application is, what it may and did call, and which budgets hold."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.api.conventions.answering import tagged_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.pages import Paged, next_link
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.conventions.texts import DateText
from chargeback.api.costs.answer import figures_of
from chargeback.api.costs.asked import Asked
from chargeback.api.costs.rows import SpanPage, span_texts
from chargeback.api.people import Asking, require
from chargeback.bootstrap import Container
from chargeback.domain.access.owners import Ownership
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester
from chargeback.domain.budgets.budget import Budget, Scope, ScopeKind
from chargeback.domain.cost_centres.tree import is_within
from chargeback.domain.costs.application_uses import ApplicationUse
from chargeback.domain.costs.cost_query import Paging
from chargeback.domain.deployments.call_limits import CallLimits
from chargeback.services.budgets.seen_budgets import may_see_scope


class OwnersAnswer(msgspec.Struct, rename="camel", frozen=True):
    """Who owns a cost centre and all below it, as access.yaml says.

    Attributes:
        groups: object ids of groups in Entra.
        people: object ids or sign-in names of people, or client ids of applications.
    """

    cost_centre: str
    groups: list[str]
    people: list[str]


class CallLimitsAnswer(msgspec.Struct, rename="camel", frozen=True):
    """How much a subscription may call, as gateway.yaml says of its product."""

    product: str
    product_name: str
    tokens_per_minute: int
    requests_per_minute: int


class ApplicationAnswer(msgspec.Struct, rename="camel", frozen=True):
    """What is known of an application beside its costs, as far as you may see its rows.

    Attributes:
        last_date: the last date of the span with a call; null where there are only corrections.
        models: those that answered.
        cost_centres: those that pay.
        owners: who owns these cost centres, as far as you see all that they pay.
        limits: null for an application of Entra, which may call with any subscription.
        budgets: the ids of those in force that hold for it or for a cost centre that pays.
    """

    application: str
    last_date: DateText | None
    models: list[str]
    cost_centres: list[str]
    owners: list[OwnersAnswer]
    limits: CallLimitsAnswer | None
    budgets: list[str]


class ApplicationsPage(SpanPage, rename="camel", frozen=True, kw_only=True):
    """Applications that used something in a span of dates, by name."""

    value: list[ApplicationAnswer]


def router(container: Container) -> APIRouter:
    """What is known of applications."""
    routes = people_routes("costs")

    @routes.get(
        "/applications/descriptions",
        operation_id="describeApplications",
        responses=answers(ApplicationsPage, errors=(410,)),
        summary="What is known of applications",
    )
    async def descriptions(request: Request, who: Asking, asked: Asked, page: Paged) -> Response:
        """Owners, models, limits, budgets and the last call of each application that used something in the span."""
        require(who, Permission.READ_COSTS)
        query = asked.query()
        found = await container.costs.applications(query, who.scope, Paging(page.offset, page.size))
        version = figures_of(query, found.standing)
        page.of_version(version)
        terms, now = await container.catalogues.terms(), datetime.now(UTC)
        budgets = [each for each in terms.budgets if each.effective.holds(now) and may_see_scope(who, each.scope)]
        limits = container.call_limits
        end = page.offset + len(found.rows)
        link = await next_link(request, end, version) if end < found.total and found.rows else ""
        content = {
            **span_texts(query.first, query.last, found.standing, found.missing),
            "total": found.total,
            "value": [_described(each, who, terms.ownership, limits, budgets) for each in found.rows],
            **({"nextLink": link} if link else {}),
        }
        return tagged_answer(request, content)

    return routes


def _described(
    use: ApplicationUse,
    who: Requester,
    ownership: Ownership,
    limits: Mapping[str, CallLimits],
    budgets: Iterable[Budget],
) -> ApplicationAnswer:
    seen = [each for each in use.cost_centres if who.scope.has_cost_centre(each)]
    found = limits.get(use.application)
    return ApplicationAnswer(
        use.application,
        use.last_date.isoformat() if use.last_date else None,
        list(use.models),
        list(use.cost_centres),
        [
            OwnersAnswer(each.cost_centre, sorted(each.groups), sorted(each.people))
            for each in ownership.centres
            if any(is_within(centre, each.cost_centre) for centre in seen)
        ],
        _limits(found) if found else None,
        sorted(each.id for each in budgets if _holds_for(each.scope, use, found)),
    )


def _limits(of: CallLimits) -> CallLimitsAnswer:
    return CallLimitsAnswer(of.product, of.product_name, of.tokens_per_minute, of.requests_per_minute)


def _holds_for(scope: Scope, use: ApplicationUse, limits: CallLimits | None) -> bool:
    """Whether a budget limits an application, or a cost centre that pays for it; those of models and users do not."""
    match scope.kind:
        case ScopeKind.ALL:
            return True
        case ScopeKind.COST_CENTRE:
            return any(is_within(each, scope.value) for each in use.cost_centres)
        case ScopeKind.SUBSCRIPTION:
            return limits is not None and scope.value == use.application
        case ScopeKind.PRODUCT:
            return limits is not None and scope.value == limits.product
        case ScopeKind.APP:
            return scope.value.rpartition("/")[2] == use.application
    return False
