"""What is being deployed: the azd environment, the profile with its overrides, and its part of config/."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # azd runs a hook in its own folder; what is known of models is decided in the product

from chargeback.adapters.config.folders import path_of  # noqa: E402
from chargeback.adapters.config.gateway_tables import geographies, primary_first  # noqa: E402
from chargeback.domain.deployments.models import Models, models_of  # noqa: E402
from chargeback.domain.errors import InvalidConfig  # noqa: E402 - after its place is known


class Misconfigured(Exception):
    """The environment or the configuration cannot be deployed; the message says what to change."""


class Note(str):
    """What an operator should know, although it stops nothing."""

    __slots__ = ()


@dataclass(frozen=True)
class Deployment:
    """A profile applied to the configuration, in the same way as in infra/main.bicep.

    Attributes:
        profile: trial, staging, rehearsal or production.
        location: region of the pipeline.
        settings: the profile's settings with the overrides.
        gateways: gateway regions that are deployed, the primary one first.
        accounts: accounts that are deployed.
        sets: deployments by the name of their set.
        models: what is known of models.
    """

    profile: str
    location: str
    settings: dict[str, Any]
    gateways: list[dict[str, Any]]
    accounts: list[dict[str, Any]]
    sets: dict[str, list[dict[str, Any]]]
    models: Models = field(default_factory=lambda: Models(()))

    def capacity(self, deployment: Mapping[str, Any]) -> int:
        """The units of a model deployment that this profile takes."""
        return max(1, int(deployment["capacity"]) * int(self.settings["modelCapacityPercent"]) // 100)

    def cosmos_regions(self) -> list[str]:
        """Where the posted books are: the pipeline's region, and a second one unless they are serverless."""
        others = [gateway["region"] for gateway in self.gateways if gateway["region"] != self.location]
        return [self.location, *(others[:1] if int(self.settings["cosmosMaxThroughput"]) else [])]


def needed(name: str) -> str:
    """A value of the azd environment. Raises `Misconfigured` where it is missing."""
    value = os.environ.get(name, "")
    if not value:
        raise Misconfigured(
            f"{name} is not set; azd sets it, so run this with azd (azd hooks run …), or: azd env set {name} …"
        )
    return value


def read_deployment(root: Path = ROOT) -> Deployment:
    """The deployment that the azd environment asks for. Raises `Misconfigured`."""
    profile = os.environ.get("PROFILE") or "trial"
    profiles = _yaml(root / "infra/profiles.yaml")
    if profile not in profiles:
        raise Misconfigured(f"PROFILE is {profile!r}; it can be {', '.join(profiles)}: azd env set PROFILE trial")
    parameters = json.loads((root / "infra/main.parameters.json").read_text("utf-8"))["parameters"]
    settings = _merged(profiles[profile], parameters.get("overrides", {}).get("value", {}))
    models, gateway = _config(root, "deployments.yaml"), read_gateway(root)
    _require_primary(gateway["gateways"])
    gateways, accounts = primary_first(gateway["gateways"]), models["accounts"]
    if not settings["multiRegion"]:
        gateways = gateways[:1]
        accounts = [account for account in accounts if account["region"] == gateways[0]["region"]]
    _require_marks(gateway, _served(gateway, accounts))
    return Deployment(
        profile, needed("AZURE_LOCATION"), settings, gateways, accounts, models["deploymentSets"], read_models(root)
    )


def _require_primary(gateways: Sequence[Mapping[str, Any]]) -> None:
    if sum(bool(each.get("primary")) for each in gateways) != 1:
        raise Misconfigured("config/company/gateway.yaml: gateways: exactly one needs `primary: true`.")


def _served(gateway: Mapping[str, Any], accounts: Sequence[Mapping[str, Any]]) -> set[str]:
    """The geographies of the accounts."""
    known = geographies(gateway)
    for account in accounts:
        if account["region"] not in known:
            raise Misconfigured(
                f"config/company/gateway.yaml: geographies: none has the region {account['region']!r} of the account"
                f" {account['account']}: add it to the `regions` of one."
            )
    return {known[account["region"]] for account in accounts}


def _require_marks(gateway: Mapping[str, Any], served: set[str]) -> None:
    """What is chosen for those who name none has to be among what this profile deploys."""
    products = [each for each in gateway["products"] if (each.get("residency") or "") in {"", *served}]
    names = {each["id"] for each in products}
    teams = [each for each in gateway["subscriptions"] if each["product"] in names]
    for section, mark, found in (("products", "default", products), ("subscriptions", "smokeTest", teams)):
        if served and sum(bool(each.get(mark)) for each in found) != 1:
            raise Misconfigured(
                f"config/company/gateway.yaml: {section}: exactly one that this profile deploys needs `{mark}: true`;"
                " one region deploys no product with a residency elsewhere, and no subscription of such a product."
            )


def read_models(root: Path = ROOT) -> Models:
    """What config/provider/models.yaml knows. Raises `Misconfigured`."""
    try:
        return models_of(_config(root, "models.yaml"))
    except InvalidConfig as error:
        raise Misconfigured(f"config/provider/models.yaml: {error}") from error


def read_gateway(root: Path = ROOT) -> dict[str, Any]:
    """What config/company/gateway.yaml says. Raises `Misconfigured`."""
    return _config(root, "gateway.yaml")


def _config(root: Path, name: str) -> dict[str, Any]:
    try:
        return _yaml(path_of(root / "config", name))
    except InvalidConfig as error:
        raise Misconfigured(str(error)) from error


def _yaml(path: Path) -> dict[str, Any]:
    try:
        return dict(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, TypeError, ValueError) as error:
        raise Misconfigured(f"{path.name} cannot be read: {error}") from error


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Like Bicep's union(): objects are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        merged[key] = (
            _merged(base[key], value) if isinstance(value, Mapping) and isinstance(base.get(key), dict) else value
        )
    return merged
