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

from chargeback.adapters.config.folders import path_of, require_company  # noqa: E402
from chargeback.adapters.config.gateway_tables import geographies, primary_first  # noqa: E402
from chargeback.domain.deployments.models import Models, models_of  # noqa: E402
from chargeback.domain.errors import InvalidConfig  # noqa: E402 - after its place is known
from chargeback.domain.terms.retention import RetentionRule  # noqa: E402
from chargeback.former_names import FORMER_SETTINGS, FORMER_VARIABLES, adopt_former_names  # noqa: E402


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
        retention: how long closed months are kept; None where books.yaml does not say.
        gateway: config/company/gateway.yaml.
    """

    profile: str
    location: str
    settings: dict[str, Any]
    gateways: list[dict[str, Any]]
    accounts: list[dict[str, Any]]
    sets: dict[str, list[dict[str, Any]]]
    models: Models = field(default_factory=lambda: Models(()))
    retention: RetentionRule | None = None
    gateway: dict[str, Any] = field(default_factory=dict)

    def capacity(self, deployment: Mapping[str, Any]) -> int:
        """The units of a model deployment that this profile takes."""
        return max(1, int(deployment["capacity"]) * int(self.settings["modelCapacityPercent"]) // 100)

    def cosmos_regions(self) -> list[str]:
        """Where the posted books are: the pipeline's region, and a second one unless they are serverless."""
        others = [gateway["region"] for gateway in self.gateways if gateway["region"] != self.location]
        return [self.location, *(others[:1] if int(self.settings["cosmosMaxThroughput"]) else [])]


def needed(name: str) -> str:
    """A value of the azd environment. Raises `Misconfigured` where it is missing."""
    former = next((before for before, present in FORMER_SETTINGS.items() if present == name), "")
    value = os.environ.get(name) or os.environ.get(former, "")  # an earlier deployment has its outputs by those names
    if not value:
        raise Misconfigured(
            f"{name} is not set; azd sets it, so run this with azd (azd hooks run …), or: azd env set {name} …"
        )
    return value


def adopt_variables() -> dict[str, str]:
    """Read variables that have a former name; return those names with the present ones. Raises `Misconfigured`."""
    try:
        return adopt_former_names(os.environ, FORMER_VARIABLES)
    except InvalidConfig as error:
        raise Misconfigured(str(error)) from error


def profile_name() -> str:
    """The profile that the azd environment asks for, whichever name it has there. Raises `Misconfigured`."""
    adopt_variables()
    return os.environ.get("CHARGEBACK_PROFILE") or "trial"


def read_deployment(root: Path = ROOT) -> Deployment:
    """The deployment that the azd environment asks for. Raises `Misconfigured`."""
    profile = profile_name()
    profiles = _yaml(root / "infra/profiles.yaml")
    if profile not in profiles:
        raise Misconfigured(
            f"CHARGEBACK_PROFILE is {profile!r}; it can be {', '.join(profiles)}: azd env set CHARGEBACK_PROFILE trial"
        )
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
        profile=profile,
        location=needed("AZURE_LOCATION"),
        settings=settings,
        gateways=gateways,
        accounts=accounts,
        sets=models["deploymentSets"],
        models=read_models(root),
        retention=_read_retention(root),
        gateway=gateway,
    )


def _read_retention(root: Path) -> RetentionRule | None:
    if not path_of(root / "config", "books.yaml").exists():
        return None
    stated = _config(root, "books.yaml").get("retention")
    try:
        return RetentionRule(int(stated["fiscalYearEnd"]), int(stated["years"])) if stated else None
    except (KeyError, TypeError, ValueError) as error:
        raise Misconfigured(f"config/company/books.yaml: retention cannot be read: {error!r}") from error


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
    marks = (("products", "default", products), ("subscriptions", "smokeTest", teams))
    for section, mark, found in marks[:1] if gateway.get("metering") else marks:
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
        require_company(root / "config")
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
