"""Which identity may do what: the role assignments of infra/, and the permissions that Azure publishes for each role.

The local stack asks this before it does what an identity wants, so that a role that is missing in Azure is missing
here, too. Reads roles.bicep itself (its variables need no compiler), role-definitions.yaml and calls.yaml.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.bicep.files import INFRA, File
from stack.yaml_text import from_yaml


@dataclass(frozen=True, slots=True)
class Role:
    """What a role allows; a permission has `*` for any run of characters, and case does not matter (Azure RBAC)."""

    name: str
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()

    def allows(self, data_action: str) -> bool:
        """Whether the role gives a data action: what is listed, less what is excluded."""
        return _matches(self.data_actions, data_action) and not _matches(self.not_data_actions, data_action)

    def manages(self, action: str) -> bool:
        """Whether the role gives an action of the management plane."""
        return _matches(self.actions, action) and not _matches(self.not_actions, action)


@dataclass(frozen=True, slots=True)
class PermittedCall:
    """One line of calls.yaml, with its permissions written out.

    Attributes:
        who: a principal of roles.bicep.
        on: a resource of roles.bicep, storage/<container>, cosmos/<container>, or subscription: no template gives it.
        call: what is done.
        routes: for `on: models` the routes of the service, such as `POST batches/*/cancel`.
        needs: data actions, all of which it takes.
        actions: actions of the management plane, all of which it takes.
        doubtful: no public page says what Azure asks for it.
    """

    who: str
    on: str
    call: str
    routes: tuple[str, ...]
    needs: tuple[str, ...]
    actions: tuple[str, ...]
    doubtful: bool


def _matches(patterns: tuple[str, ...], wanted: str) -> bool:
    return any(
        re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), wanted, re.IGNORECASE) for pattern in patterns
    )


def roles(folder: Path = INFRA) -> dict[str, Role]:
    """Every role by its name: the published ones, and our own of custom-roles.yaml and cosmos-roles.yaml."""
    found = from_yaml((folder / "role-definitions.yaml").read_text("utf-8"))["roles"]
    for own in ("custom-roles.yaml", "cosmos-roles.yaml"):
        found |= from_yaml((folder / own).read_text("utf-8"))
    return {
        name: Role(
            name,
            tuple(given.get("dataActions", ())),
            tuple(given.get("notDataActions", ())),
            tuple(given.get("actions", ())),
            tuple(given.get("notActions", ())),
        )
        for name, given in found.items()
    }


def calls(folder: Path = INFRA) -> list[PermittedCall]:
    """Every call of calls.yaml."""
    document = from_yaml((folder / "calls.yaml").read_text("utf-8"))
    prefixes: Mapping[str, str] = document["prefixes"]

    def whole(permission: str) -> str:
        prefix, _, rest = permission.partition("/")
        return f"{prefixes[prefix]}/{rest}"

    return [
        PermittedCall(
            entry["who"],
            entry["at"],
            entry.get("call") or ", ".join(entry["routes"]),
            tuple(entry.get("routes", ())),
            tuple(map(whole, entry.get("needs", ()))),
            tuple(map(whole, entry.get("actions", ()))),
            bool(entry.get("doubtful")),
        )
        for entry in document["calls"]
    ]


@functools.cache
def grants() -> list[dict[str, str]]:
    """Every grant of roles.bicep: who, role, on."""
    found: list[dict[str, str]] = File(INFRA / "modules/roles.bicep", {})["grants"]
    return found


@functools.cache
def _granted() -> dict[tuple[str, str], tuple[Role, ...]]:
    known = roles()
    granted: dict[tuple[str, str], tuple[Role, ...]] = {}
    for entry in grants():
        key = (entry["who"], entry["on"])
        granted[key] = (*granted.get(key, ()), known[entry["role"]])
    return granted


def may(who: str, on: str, data_action: str) -> bool:
    """Whether an identity has a data action on a resource, or on a container: storage/<container>, cosmos/<container>.

    A role of the account of Cosmos DB is one of each of its containers.
    """
    given = _granted().get((who, on), ())
    if on.startswith("cosmos/"):
        given += _granted().get((who, "cosmos"), ())
    return any(role.allows(data_action) for role in given)


def may_manage(who: str, on: str, action: str) -> bool:
    """Whether an identity has an action of the management plane on a resource, by the roles of this system."""
    return any(role.manages(action) for role in _granted().get((who, on), ()))


def data_roles(on: str) -> dict[str, list[dict[str, str | tuple[str, ...]]]]:
    """What each identity's roles on a resource allow of the data plane, for a server that asks itself.

    `container` is the only one that a role is given on; empty: all.
    """
    found: dict[str, list[dict[str, str | tuple[str, ...]]]] = {}
    for (who, where), given in _granted().items():
        resource, _, container = where.partition("/")
        if resource == on:
            found.setdefault(who, []).extend({"allows": role.data_actions, "container": container} for role in given)
    return found


def needed_for(method: str, route: str) -> tuple[str, ...]:
    """The data actions that a route of a model account takes, `()` where Azure has none for it.

    `route` is the path below /openai, without version and deployment: `chat/completions`.
    """
    wanted = f"{method} {route}"
    exact = [call for call in _model_calls() if wanted in call.routes]
    found = exact or [call for call in _model_calls() if _matches(call.routes, wanted)]
    return max(found, key=lambda call: max(map(len, call.routes))).needs if found else ()


def doubtful_routes() -> frozenset[str]:
    """Routes of a model account whose data action no public page names, without what is below: `GET vector_stores`."""
    return frozenset(route.removesuffix("/*") for call in calls() if call.doubtful for route in call.routes)


@functools.cache
def _model_calls() -> tuple[PermittedCall, ...]:
    return tuple(call for call in calls() if call.on == "models")
