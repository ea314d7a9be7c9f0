"""Before anything is created: checks that each model can be deployed in its region, for how long, and what replaces it.

There are two sources: config/provider/models.yaml, and the catalogue of the subscription, which counts where they
differ. New subscriptions are refused deprecated models (`ServiceModelDeprecated`), even if the catalogue still lists
them with quota.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from azure_rest import Azure
from deployment import Deployment, Note

from chargeback.domain.deployments.models import WARN_WITHIN, Model, Models

CATALOGUE_VERSION = "2025-06-01"
FOREVER = date.max


def check_models(azure: Azure, base: str, group: str, deployment: Deployment, today: date) -> Iterator[str]:
    """What cannot be deployed; as notes, what can be deployed but not for long."""
    existing = set(existing_deployments(azure, base, group))
    for account in deployment.accounts:
        models = offered(azure, base, account["region"], deployment.models)
        for item in deployment.sets[account["deployments"]]:
            exists = (account["account"], item["name"], item["model"], item["version"]) in existing
            yield from _check_model(models, deployment.models, account, item, today, exists=exists)


def offered(azure: Azure, base: str, region: str, facts: Models) -> Models:
    """What the region offers today, with its family from config/provider/models.yaml."""
    path = f"{base}/providers/Microsoft.CognitiveServices/locations/{region}/models"
    entries = [each for each in azure.every(path, CATALOGUE_VERSION) if each.get("kind", "OpenAI") == "OpenAI"]
    return Models(tuple(_model(entry["model"], region, facts) for entry in entries))


def existing_deployments(azure: Azure, base: str, group: str) -> Iterator[tuple[str, str, str, str]]:
    """Account without its suffix, deployment, model and version of each deployment that exists."""
    accounts = f"{base}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts"
    found = azure.find(accounts, CATALOGUE_VERSION) or {}
    for account in found.get("value", ()):
        for item in azure.every(f"{account['id']}/deployments", CATALOGUE_VERSION):
            model = item["properties"]["model"]
            yield account["name"].rpartition("-")[0], item["name"], model["name"], model["version"]


def _model(entry: Mapping[str, Any], region: str, facts: Models) -> Model:
    name, version = entry["name"], entry["version"]
    known = facts.find(name, version)
    retires = _day((entry.get("deprecation") or {}).get("inference")) or (known.retires if known else FOREVER)
    lifecycle = entry.get("lifecycleStatus") or (known.lifecycle if known else "")
    kinds = {sku["name"]: frozenset({region}) for sku in entry.get("skus") or ()}
    if known:
        # The page may know of a retirement before the catalogue does, and the other way round: the earlier one counts.
        stage = known.lifecycle if known.is_closed(date.min) else lifecycle
        return dataclasses.replace(known, retires=min(retires, known.retires), lifecycle=stage, offered=kinds)
    return Model(name, version, name, lifecycle, retires, (), (), (), kinds)


def _check_model(
    models: Models, facts: Models, account: Mapping[str, Any], item: Mapping[str, Any], today: date, *, exists: bool
) -> Iterator[str]:
    region, kind = account["region"], item["type"]
    what = f"{item['model']} {item['version']}"
    model = models.find(item["model"], item["version"])
    old = model or facts.find(item["model"], item["version"])
    instead = models.replacement(old, kind, region, today) if old else None
    remedy = f"take {instead}" if instead else "take another model"
    change = f"{remedy} in deployment set {account['deployments']!r} of config/company/deployments.yaml."
    if model is None or kind not in model.offered:
        yield f"{what} as {kind} is not offered in {region}: {change}"
    elif model.retires <= today:
        yield f"{what} retired on {model.retires}: {change}"
    elif model.is_closed(today) and not exists:
        yield f"{what} is {model.lifecycle} in {region}, so it cannot be deployed any more: {change}"
    elif model.is_closed(today):
        yield Note(f"{what} in {region} is {model.lifecycle} and cannot be deployed again once deleted: {change}")
    elif model.retires - today <= WARN_WITHIN:
        yield Note(f"{what} in {region} retires on {model.retires}: {change}")


def longer_lived(
    models: Models, facts: Models, account: Mapping[str, Any], items: Iterable[Mapping[str, Any]], today: date
) -> Iterator[str]:
    """Deployments of an account for which its region offers a model of the same family that lives longer."""
    for item in items:
        old = models.find(item["model"], item["version"]) or facts.find(item["model"], item["version"])
        instead = models.replacement(old, item["type"], account["region"], today) if old else None
        if old and instead:
            yield (
                f"{account['account']}/{item['name']}: {instead} is offered and lives until {instead.retires},"
                f" {old} until {old.retires}"
            )


def _day(value: object) -> date | None:
    """The day of a time such as 2027-10-26T00:00:00Z."""
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
