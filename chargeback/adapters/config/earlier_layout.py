"""Brings a configuration of an earlier layout into the present one, with every comment and without a changed amount.

Earlier, all files were in one folder: the agreements stood in the rate card, an account named its geography, what no
longer is deployed had no dates, budgets had thresholds, and the order of lists decided what `primary`, `default` and
`smokeTest` decide now. Files that have the present form already stay as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chargeback.adapters.config.company_files import BEGINNINGS
from chargeback.adapters.config.edited_yaml import EditedYaml
from chargeback.adapters.config.folders import COMPANY, PROVIDER, places
from chargeback.domain.deployments.regions import zone_of
from chargeback.domain.errors import InvalidConfig

CARD, DEPLOYMENTS, DATED, GATEWAY = "rate-card.yaml", "deployments.yaml", "dated-deployments.yaml", "gateway.yaml"
ADJUSTMENTS, BUDGETS = "adjustments.yaml", "budgets.yaml"


@dataclass(frozen=True, slots=True)
class BroughtForward:
    """The files in the present layout.

    Attributes:
        texts: place, such as company/books.yaml → text.
        notes: what somebody should know of it, a line each.
    """

    texts: dict[str, str]
    notes: list[str] = field(default_factory=list)


def bring_forward(folder: Path, shipped: Path) -> BroughtForward:
    """The files of a folder in the present layout; `shipped` has those of the provider that it lacks.

    Raises `InvalidConfig` where a file is no YAML, or the folder has no configuration.
    """
    found = dict(_sources(folder))
    if DEPLOYMENTS not in found or CARD not in found:
        raise InvalidConfig([f"{folder}: has no {DEPLOYMENTS} and {CARD}: name the folder of a configuration"])
    files = {name: _read(name, path) for name, path in found.items()}
    notes = [
        *_agreements(files),
        *_regions_of_prices(files),
        *_former_deployments(files),
        *_geographies(files),
        *_marks(files),
        *_gateway(files),
        *_thresholds(files),
    ]
    texts = {places()[name]: _with_schema(name, edited.text) for name, edited in files.items()}
    for name in PROVIDER:
        if name not in files:
            texts[places()[name]] = (shipped / places()[name]).read_text("utf-8")
    return BroughtForward(texts, notes)


def _sources(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each file where it is: in the folder itself, as it once was, or in its part; not what else the provider says."""
    for name in (*COMPANY, CARD):
        for path in (folder / name, folder / places()[name]):
            if path.is_file():
                yield name, path


def _read(name: str, path: Path) -> EditedYaml:
    try:
        return EditedYaml(path.read_text("utf-8"))
    except InvalidConfig as error:
        raise InvalidConfig([f"{name}: {fault}" for fault in error.faults]) from None


def _with_schema(name: str, text: str) -> str:
    line = f"# yaml-language-server: $schema=../schemas/{Path(name).stem}.json\n"
    return text if text.startswith("# yaml-language-server") else line + text


def _begun(files: dict[str, EditedYaml], name: str) -> EditedYaml:
    return files.setdefault(name, EditedYaml((BEGINNINGS / name).read_text("utf-8")))


def _agreements(files: dict[str, EditedYaml]) -> Iterator[str]:
    """The adjustments leave the rate card, in which the provider's next prices would take them away."""
    if not files[CARD].has("adjustments"):
        return
    agreed = files[CARD].value("adjustments") or []
    files[CARD].remove("adjustments")
    for each in agreed:
        _begun(files, ADJUSTMENTS).append("adjustments", entry=each)
    if agreed:
        yield f"{ADJUSTMENTS}: {len(agreed)} adjustments that stood in the rate card"


def _regions_of_prices(files: dict[str, EditedYaml]) -> Iterator[str]:
    """A price of regional deployments names its places: the data zones of the company's accounts, as it was used there.

    A price of a region comes before that of its zone, as it came before the one without any.
    """
    prices = files[CARD].value("prices") or []
    lacking = [
        index
        for index, each in enumerate(prices)
        if "Standard" in each.get("deploymentTypes", ()) and not each.get("regions") and not each.get("zones")
    ]
    if lacking:
        accounts = [*_entries(files[DEPLOYMENTS], "accounts"), *_gone(files)]
        regions = {each["region"] for each in accounts}
        zones = sorted({zone_of(region) for region in regions} - {""})
        outside = sorted(region for region in regions if not zone_of(region))
        for key, value in (("zones", zones), ("regions", outside)):
            if value:
                files[CARD].put_in_each("prices", indexes=lacking, key=key, value=value)
        yield f"{CARD}: {len(lacking)} prices of Standard deployments now say where: {', '.join((*zones, *outside))}"


def _gone(files: dict[str, EditedYaml]) -> list[dict[str, Any]]:
    return _entries(files[DATED], "formerAccounts") if DATED in files else []


def _former_deployments(files: dict[str, EditedYaml]) -> Iterator[str]:
    former = _entries(files[DEPLOYMENTS], "formerDeployments")
    if not files[DEPLOYMENTS].has("formerDeployments"):
        return
    files[DEPLOYMENTS].remove("formerDeployments")
    entries = [{"accounts": each["accounts"], **one} for each in former for one in each["deployments"]]
    for each in entries:
        _begun(files, DATED).append("deployments", entry=each)
    yield f"{DATED}: {len(entries)} former deployments; an effectiveTo says until when each was"


def _geographies(files: dict[str, EditedYaml]) -> Iterator[str]:
    """A region has its geography once: in gateway.yaml, instead of at each account and each gateway."""
    homes: dict[str, list[str]] = {}
    named = [(DEPLOYMENTS, "accounts"), (DATED, "formerAccounts"), (GATEWAY, "gateways")]
    for name, section in named:
        for index, each in enumerate(_entries(files[name], section) if name in files else ()):
            if "geography" in each:
                homes.setdefault(each["geography"], []).append(each["region"])
                files[name].remove(section, index, "geography")
    for index, each in enumerate(_entries(files[GATEWAY], "geographies") if GATEWAY in files else ()):
        if "regions" not in each:
            regions = list(dict.fromkeys(homes.get(each["id"], ())))
            files[GATEWAY].put("geographies", index, key="regions", value=regions)
    if homes:
        yield f"{GATEWAY}: geographies have their regions, which accounts and gateways named before"


def _marks(files: dict[str, EditedYaml]) -> Iterator[str]:
    """What was first in its list is what is marked now."""
    if GATEWAY not in files:
        return
    edited = files[GATEWAY]
    products = {each["id"]: each for each in _entries(edited, "products")}
    open_to_all = {name for name, each in products.items() if each.get("residency") is None}
    for section, mark in (("gateways", "primary"), ("products", "default"), ("subscriptions", "smokeTest")):
        entries = _entries(edited, section)
        if not entries or any(each.get(mark) for each in entries):
            continue
        first = 0
        if section == "subscriptions":  # one that is deployed wherever the product is
            first = next((n for n, each in enumerate(entries) if each.get("product") in open_to_all), 0)
        edited.put(section, first, key=mark, value=True)
        shown = entries[first].get("id") or entries[first].get("region")
        yield f"{GATEWAY}: {section}: {shown} has `{mark}: true`, as the first of its list"


def _gateway(files: dict[str, EditedYaml]) -> Iterator[str]:
    """Sections that were not there, with the values by which the gateway worked before."""
    if GATEWAY not in files:
        return
    edited, first = files[GATEWAY], EditedYaml((BEGINNINGS / GATEWAY).read_text("utf-8"))
    for index, each in reversed([*enumerate(_entries(edited, "api", "operations"))]):
        if each.get("method") == "OPTIONS":
            edited.remove("api", "operations", index)
            yield f"{GATEWAY}: api.operations: without {each['id']}: with it no browser's preflight is answered"
    if edited.has("api") and not edited.has("api", "maskedQuery"):
        edited.put("api", key="maskedQuery", value=first.value("api", "maskedQuery"))
        yield f"{GATEWAY}: api.maskedQuery: the gateway's own log shows these values as *"
    if edited.has("resilience", "circuitBreaker"):
        edited.remove("resilience")
        yield f"{GATEWAY}: resilience: the gateway has no circuit breaker any more; how long an account may take is new"
    if not edited.has("resilience"):
        edited.put(key="resilience", value=first.value("resilience"))
    if not edited.has("entra"):
        edited.put(key="entra", value={"requireRole": False})
        yield f"{GATEWAY}: entra.requireRole: false, as before: true refuses a token without a product's role"


def _thresholds(files: dict[str, EditedYaml]) -> Iterator[str]:
    """A budget with thresholds is named for its cost centre, and its thresholds are steps that tell."""
    entries = _entries(files[BUDGETS], "budgets") if BUDGETS in files else []
    changed = [index for index, each in enumerate(entries) if "thresholds" in each]
    for index in changed:
        each = entries[index]
        steps = [{"percent": percent, "do": "notify"} for percent in each["thresholds"]]
        files[BUDGETS].remove("budgets", index, "thresholds")
        files[BUDGETS].put("budgets", index, key="id", value=each["costCentre"])
        files[BUDGETS].put("budgets", index, key="steps", value=steps)
    if changed:
        yield f"{BUDGETS}: {len(changed)} budgets have an id and steps instead of thresholds"


def _entries(edited: EditedYaml, *place: str) -> list[dict[str, Any]]:
    found = edited.value(*place)
    return [each if isinstance(each, dict) else {} for each in found] if isinstance(found, list) else []
