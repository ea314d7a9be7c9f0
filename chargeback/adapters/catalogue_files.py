"""The catalogue as files: rate card, deployment map, cost centres and calendar, checked before anything uses them.

The same documents are stored as JSON, so that a month can be rated again with the catalogue of its time.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from chargeback.adapters.books_document import calendar_of
from chargeback.adapters.cost_centres_document import allocation
from chargeback.adapters.rate_card_document import rate_card
from chargeback.adapters.records import Record, each, sections
from chargeback.adapters.yaml_files import line_of, read
from chargeback.domain.catalogue import Catalogue, Deployment, DeploymentType
from chargeback.domain.errors import InvalidConfig

FILES = ("rate-card.yaml", "deployments.yaml", "cost-centres.yaml")

OPTIONAL_FILES = ("books.yaml", "shared-costs.yaml", "budgets.yaml")
"""What has a default where the file is not there, as in versions that were applied before it existed."""


class _Account(Record, frozen=True):
    account: str
    region: str
    geography: str
    priority: int
    weight: int
    deployments: str


class _Served(Record, frozen=True):
    """What a deployment is, or was."""

    name: str
    model: str
    version: str
    type: DeploymentType


class _Deployed(_Served, frozen=True):
    capacity: int


class _Former(Record, frozen=True):
    accounts: list[str]
    deployments: list[_Served]


def load_catalogue(folder: Path) -> Catalogue:
    """The catalogue of a folder; raises `InvalidConfig` with every fault as `file:line: place: reason`."""
    documents = to_documents(folder)
    try:
        return from_documents(documents, thorough=True)
    except InvalidConfig as error:
        raise InvalidConfig([with_line(folder, fault) for fault in error.faults]) from None


def to_documents(folder: Path) -> dict[str, object]:
    """The files by name, with JSON types only, as they are stored."""
    documents: dict[str, object] = {}
    faults: list[str] = []
    present = [name for name in OPTIONAL_FILES if (folder / name).exists()]
    for name in (*FILES, *present):
        try:
            documents[name] = read(folder / name)
        except InvalidConfig as error:
            faults.extend(error.faults)
    if faults:
        raise InvalidConfig(faults)
    return documents


def from_documents(documents: Mapping[str, object], *, thorough: bool = False) -> Catalogue:
    """The catalogue of stored documents; raises `InvalidConfig` with every fault as `file: place: reason`.

    `thorough` adds the checks that only files must pass: what is stored was in force and has to stay readable.
    """
    faults: dict[str, list[str]] = {name: [] for name in (*FILES, "books.yaml")}
    of_card, of_map, of_centres, of_books = faults.values()
    card = rate_card(documents.get("rate-card.yaml"), of_card, thorough=thorough)
    deployments = _deployments(documents.get("deployments.yaml"), of_map)
    calendar = calendar_of(documents.get("books.yaml"), of_books)
    centres = allocation(documents.get("cost-centres.yaml"), calendar, of_centres, thorough=thorough)
    if any(faults.values()):
        raise InvalidConfig([f"{name}: {fault}" for name, found in faults.items() for fault in found])
    return Catalogue(card.currency, card.prices, deployments, centres, calendar, hosting=card.hosting)


def _deployments(document: object, faults: list[str]) -> dict[str, dict[str, Deployment]]:
    top = sections(document, ("accounts", "deploymentSets"), faults, optional=("formerDeployments",))
    raw_sets = top["deploymentSets"] if isinstance(top["deploymentSets"], dict) else {}
    sets = {name: list(each(raw, _Deployed, f"deploymentSets.{name}", faults)) for name, raw in raw_sets.items()}
    accounts = list(each(top["accounts"], _Account, "accounts", faults))
    _refuse_twins([(f"{place}.account", one.account) for place, one in accounts], faults)
    for place, account in accounts:
        if account.deployments not in sets:
            faults.append(f"{place}.deployments: {account.deployments!r} is not under deploymentSets")
    former = _former(top["formerDeployments"], {account.account for _, account in accounts}, faults)
    for name, deployed in sets.items():
        users = [account.account for _, account in accounts if account.deployments == name]
        ended = [pair for user in users for pair in former.get(user, [])]
        _refuse_twins([(f"{place}.name", one.name) for place, one in deployed], faults, [one.name for _, one in ended])
    return {
        account.account.casefold(): {
            one.name.casefold(): _deployment(account, one)
            for _, one in (*former.get(account.account, []), *sets.get(account.deployments, []))
        }
        for _, account in accounts
    }


def _former(raw: object, accounts: set[str], faults: list[str]) -> dict[str, list[tuple[str, _Served]]]:
    """What each account had, with the places: the books still rate its usage, and nothing is deployed for it."""
    found: dict[str, list[tuple[str, _Served]]] = {}
    for place, former in each(raw or [], _Former, "formerDeployments", faults):
        for name in former.accounts:
            if name not in accounts:
                faults.append(f"{place}.accounts: {name!r} is not under accounts")
            listed = found.setdefault(name, [])
            listed.extend((f"{place}.deployments[{index}]", one) for index, one in enumerate(former.deployments))
    for listed in found.values():
        _refuse_twins([(f"{place}.name", one.name) for place, one in listed], faults)
    return found


def _deployment(account: _Account, served: _Served) -> Deployment:
    return Deployment(
        account=account.account,
        region=account.region,
        geography=account.geography,
        name=served.name,
        model=served.model,
        version=served.version,
        type=served.type,
    )


def _refuse_twins(names: list[tuple[str, str]], faults: list[str], known: Iterable[str] = ()) -> None:
    """Azure compares these names without regard to case."""
    seen = {name.casefold() for name in known}
    for place, name in names:
        if not name or name.casefold() in seen:
            faults.append(f"{place}: {name!r} is empty or there twice")
        seen.add(name.casefold())


def with_line(folder: Path, fault: str) -> str:
    """A fault `file: place: reason` with the line of its place; as it is where there is no such file."""
    name, place, reason = fault.split(": ", 2)
    if not (folder / name).exists():
        return fault
    return f"{name}:{line_of(folder / name, place)}: {place}: {reason}"
