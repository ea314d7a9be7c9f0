"""Checks config/company/gateway.yaml: every name exists, residencies can be kept, and the tables fit.

A contradiction, such as a product that must stay in a geography and may use what leaves it, is refused here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from chargeback.adapters.config.entries import Record, Sections, each, one, sections
from chargeback.adapters.config.existing import GatewayPlace, MeteredApis, existing_faults, metering_faults
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.gateway_names import PLAIN_NAME, naming_faults, repeated_names
from chargeback.adapters.config.gateway_tables import (
    MAX_FRAGMENT,
    MAX_NAMED_VALUE,
    PARTS,
    Config,
    fragments,
    plain_deployments,
    processes_at_home,
)
from chargeback.adapters.config.yaml_files import line_number, read
from chargeback.domain.budgets.decisions import Product
from chargeback.domain.usage.operations import OFFERED

FILE = "gateway.yaml"
LEAVING_TOOLS = ("web_search", "web_search_preview", "mcp", "data_sources")
"""Tools whose data leaves the geography of the account, or goes wherever the caller says."""


class _Geography(Record, frozen=True):
    id: str
    name: str
    regions: list[str]
    failover: list[str]
    countries: tuple[str, ...] = ()


class KnownProduct(Record, frozen=True):
    """A product as the file has it."""

    id: str
    name: str
    tokens_per_minute: Annotated[int, msgspec.Meta(ge=1)]
    requests_per_minute: Annotated[int, msgspec.Meta(ge=1)]
    exact_streams: bool
    inject_stream_usage: bool
    default: bool = False
    residency: str | None = None
    local_gateway_only: bool = False
    without_budget: str = "allow"
    without_budget_models: list[str] = msgspec.field(default_factory=list)
    object_owner: str = "subscription"
    streamed_responses: str = "open"
    operations: list[str] | None = None
    models: list[str] | None = None
    tools: list[str] | None = None
    aliases: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)


class _Subscription(Record, frozen=True):
    id: str
    name: str
    product: str
    smoke_test: bool = False


class _Operation(Record, frozen=True):
    id: str
    name: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
    url_template: str


class _Api(Record, frozen=True):
    id: str
    name: str
    path: str
    subscription_key_header: str
    subscription_key_query: str
    masked_query: list[str]
    subscription_required: bool
    operations: list[_Operation]


class _Resilience(Record, frozen=True):
    first_byte_timeout: Annotated[int, msgspec.Meta(ge=1, le=240)]
    answer_timeout: Annotated[int, msgspec.Meta(ge=1, le=240)]


class _Entra(Record, frozen=True):
    require_role: bool


SECTIONS = Sections(
    {
        "geographies": list[_Geography],
        "gateways": list[GatewayPlace],
        "products": list[KnownProduct],
        "subscriptions": list[_Subscription],
        "api": _Api,
        "resilience": _Resilience,
        "entra": _Entra,
    },
    {"metering": MeteredApis},
)


class _Deployed:
    """Where each deployment is, and as what."""

    def __init__(self, accounts: Sequence[Config], sets: Mapping[str, Sequence[Config]], of: Mapping[str, str]) -> None:
        """`of` has the geography of each region."""
        self.regions = {account["region"]: account["account"] for account in accounts}
        self.geographies = {of[region] for region in self.regions if region in of}
        self.places = [
            (each["name"], of.get(account["region"], ""), each["type"])
            for account in accounts
            for each in sets.get(account["deployments"], ())
        ]
        self.names = {name for name, _, _ in self.places}

    def serves(self, name: str, residency: str | None) -> bool:
        """Whether a call for this deployment can be served, within a residency where there is one."""
        return any(
            name == known and (residency is None or (geography == residency and processes_at_home(kind)))
            for known, geography, kind in self.places
        )


def gateway_faults(folder: Path) -> list[str]:
    """What is wrong with gateway.yaml, given deployments.yaml, each as `gateway.yaml:line: place: reason`.

    A folder without the file is a catalogue for the books alone.
    """
    if not path_of(folder, FILE).exists():
        return []
    document = read(path_of(folder, FILE))
    deployments: Any = read(path_of(folder, "deployments.yaml"))
    faults: list[str] = []
    found = sections(document, SECTIONS, faults)
    if not faults:
        places = list(each(found["geographies"], _Geography, "geographies", faults))
        gateways = list(each(found["gateways"], GatewayPlace, "gateways", faults))
        homes = {region: place.id for _, place in places for region in place.regions}
        deployed = _Deployed(deployments["accounts"], deployments["deploymentSets"], homes)
        products = list(each(found["products"], KnownProduct, "products", faults))
        # An entry with a fault is still there, so that nothing else is refused because of it.
        listed = found["products"] if isinstance(found["products"], list) else []
        entries = [raw for raw in listed if isinstance(raw, dict)]
        subscriptions = list(each(found["subscriptions"], _Subscription, "subscriptions", faults))
        api = one(found["api"], _Api, "api", faults)
        for name, record in (("resilience", _Resilience), ("entra", _Entra)):
            one(found[name], record, name, faults)
        faults += naming_faults("geographies", places)
        faults += naming_faults("products", products)
        faults += naming_faults("subscriptions", subscriptions)
        faults += repeated_names("gateways: the region", [gateway.region for _, gateway in gateways])
        faults += repeated_names("api.operations: the id", [each.id for each in api.operations] if api else [])
        faults += existing_faults(gateways)
        if found["metering"] is not None:
            metering = one(found["metering"], MeteredApis, "metering", faults)
            faults += metering_faults(metering, gateways, deployments["accounts"]) if metering else ()
        faults += _geographies(places, deployed)
        faults += _regions(places, gateways, deployed)
        faults += [fault for place, product in products for fault in _product(place, product, found, deployed)]
        faults += _subscriptions(subscriptions, {str(raw.get("id")) for raw in entries})
        faults += _one("gateways", "primary", [gateway.region for _, gateway in gateways if gateway.primary])
        faults += _one("products", "default", [str(raw.get("id")) for raw in entries if raw.get("default") is True])
        if found["metering"] is None:  # else nobody's key is used for a trial
            faults += _one("subscriptions", "smokeTest", [team.id for _, team in subscriptions if team.smoke_test])
    if not faults:
        whole = {**found, **deployments}
        faults += [f"{part}: {reason}" for part, reason in _too_large(whole)]
    return [f"{FILE}:{line_number(path_of(folder, FILE), fault.partition(':')[0])}: {fault}" for fault in faults]


@dataclass(frozen=True, slots=True)
class KnownGateway:
    """What budgets need to know of the gateway.

    Attributes:
        products: by id.
        subscriptions: id → product.
        homes: region → geography.
    """

    products: Mapping[str, KnownProduct]
    subscriptions: Mapping[str, str]
    homes: Mapping[str, str]


def known_gateway(folder: Path) -> KnownGateway | None:
    """The gateway of a folder, without what is faulty; None where there is no such file."""
    if not path_of(folder, FILE).exists():
        return None
    found = sections(read(path_of(folder, FILE)), SECTIONS, [])
    return KnownGateway(
        {product.id: product for _, product in each(found["products"], KnownProduct, "products", [])},
        dict(_teams(found["subscriptions"])),
        {
            region: geography.id
            for _, geography in each(found["geographies"], _Geography, "geographies", [])
            for region in geography.regions
        },
    )


def _teams(entries: object) -> Iterator[tuple[str, str]]:
    """Each subscription that has an id, with its product: no other fault of an entry makes its team unknown."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            yield entry["id"], str(entry.get("product", ""))


def load_products(folder: Path) -> tuple[Product, ...]:
    """The products with the subscriptions that call with them, in the order of the file."""
    found = known_gateway(folder)
    if found is None:
        return ()
    return tuple(
        Product(name, frozenset(team for team, product in found.subscriptions.items() if product == name))
        for name in found.products
    )


def fills(folder: Path) -> dict[str, float]:
    """How full the fullest fragment of each table is, as a share of what API Management takes."""
    if not path_of(folder, FILE).exists():
        return {}
    document: Any = {**read(path_of(folder, FILE)), **read(path_of(folder, "deployments.yaml"))}
    sizes = {name: len(text.encode()) / MAX_FRAGMENT for name, text in fragments(document).items()}
    return {table: max(size for name, size in sizes.items() if name.startswith(f"table-{table}-")) for table in PARTS}


def _geographies(geographies: Sequence[tuple[str, _Geography]], deployed: _Deployed) -> Iterator[str]:
    known = {geography.id for _, geography in geographies}
    for place, geography in geographies:
        if geography.id not in deployed.geographies:
            yield f"{place}: no account of deployments.yaml is in {geography.id!r}"
        for other in geography.failover:
            if other not in known:
                yield f"{place}.failover: there is no geography {other!r}"


def _regions(
    geographies: Sequence[tuple[str, _Geography]], gateways: Sequence[tuple[str, GatewayPlace]], deployed: _Deployed
) -> Iterator[str]:
    """Each region that is used belongs to one geography."""
    homes: dict[str, str] = {}
    for place, geography in geographies:
        for region in geography.regions:
            if region in homes:
                yield f"{place}.regions: {region!r} is a region of {homes[region]!r}, too"
            homes[region] = geography.id
    for place, gateway in gateways:
        if gateway.region not in homes:
            yield f"{place}: no geography has the region {gateway.region!r}"
    for region, account in deployed.regions.items():
        if region not in homes:
            yield f"geographies: none has the region {region!r}, in which deployments.yaml has {account}"


def _product(place: str, product: KnownProduct, found: Config, deployed: _Deployed) -> Iterator[str]:
    for name in (*product.aliases, *(product.tools or ())):
        if not PLAIN_NAME.fullmatch(name):
            yield f"{place}: {name!r} may have letters, digits, dots, hyphens and underscores only, 64 at most"
    for setting, value, choices in (
        ("withoutBudget", product.without_budget, ("allow", "refuse")),
        ("objectOwner", product.object_owner, ("subscription", "product")),
        ("streamedResponses", product.streamed_responses, ("open", "closed")),
    ):
        if value not in choices:
            yield f"{place}.{setting}: expected {' or '.join(choices)}"
    for operation in product.operations or ():
        if operation not in OFFERED and not any(known.startswith(f"{operation}.") for known in OFFERED):
            yield f"{place}.operations: the gateway offers no operation {operation!r}"
    if product.operations is None and (product.models is not None or product.tools is not None):
        yield (
            f"{place}.operations: name them, with batches or without: "
            "models and tools do not hold for the lines of a batch, which the gateway does not read"
        )
    yield from _closed(place, product, deployed)
    yield from _residency(place, product, deployed)
    yield from _aliases(place, product, found, deployed)
    for model in product.models or ():
        if model not in product.aliases:
            yield from _reach(f"{place}.models", model, product.residency, deployed)


def _closed(place: str, product: KnownProduct, deployed: _Deployed) -> Iterator[str]:
    """Deployments alone, because an alias stands for other deployments elsewhere."""
    if product.without_budget_models and product.without_budget == "refuse":
        yield f"{place}.withoutBudgetModels: means nothing where withoutBudget refuses all"
    for name in product.without_budget_models:
        if name not in deployed.names:
            yield f"{place}.withoutBudgetModels: no account has a deployment {name!r}"


def _residency(place: str, product: KnownProduct, deployed: _Deployed) -> Iterator[str]:
    if product.residency is None:
        if product.local_gateway_only:
            yield f"{place}.localGatewayOnly: means nothing without a residency"
        return
    if product.residency not in deployed.geographies:
        yield f"{place}.residency: no account of deployments.yaml is in {product.residency!r}"
    elif not any(deployed.serves(name, product.residency) for name in deployed.names):
        yield f"{place}.residency: no deployment is processed in {product.residency!r} alone"
    for tool in product.tools or ():
        if tool in LEAVING_TOOLS:
            yield f"{place}.tools: {tool} leaves {product.residency!r}, which the residency forbids"


def _aliases(place: str, product: KnownProduct, found: Config, deployed: _Deployed) -> Iterator[str]:
    places = {"*", *deployed.geographies, *(gateway["region"] for gateway in found["gateways"])}
    for alias, targets in product.aliases.items():
        where = f"{place}.aliases.{alias}"
        if alias in deployed.names:
            yield f"{where}: there is a deployment of that name"
        for target, deployment in targets.items():
            if target not in places:
                yield f"{where}: {target!r} is neither a geography nor a gateway region nor '*'"
            yield from _reach(where, deployment, product.residency, deployed)


def _reach(place: str, name: str, residency: str | None, deployed: _Deployed) -> Iterator[str]:
    if name not in deployed.names:
        yield f"{place}: no account has a deployment {name!r}"
    elif not deployed.serves(name, residency):
        yield f"{place}: {name!r} is not processed in {residency!r} alone, which the residency requires"


def _subscriptions(subscriptions: Sequence[tuple[str, _Subscription]], products: set[str]) -> Iterator[str]:
    for place, subscription in subscriptions:
        if subscription.product not in products:
            yield f"{place}: there is no product {subscription.product!r}"


def _one(section: str, mark: str, marked: Sequence[str]) -> Iterator[str]:
    """Faults unless exactly one is marked as the default: the order of lines must not decide."""
    if len(marked) != 1:
        yield f"{section}: exactly one has `{mark}: true`; here {' and '.join(marked) or 'none'} has it"


def _too_large(config: Config) -> Iterator[tuple[str, str]]:
    for name, text in fragments(config).items():
        size = len(text.encode())
        if size > MAX_FRAGMENT:
            table = name.removeprefix("table-").rpartition("-")[0]
            part = "products" if table == "products" else "gateways"
            yield part, f"the table of {table} has {size} bytes in {name}; API Management takes {MAX_FRAGMENT}"
    countries = sum(
        len(f"{country}={geography['id']};")
        for geography in config["geographies"]
        for country in geography.get("countries", ())
    )
    plain = len(plain_deployments(config))
    if plain > MAX_NAMED_VALUE:
        yield "products", f"the deployments that do not reason have {plain} characters; {MAX_NAMED_VALUE} fit"
    if countries > MAX_NAMED_VALUE:
        yield "geographies", f"the countries have {countries} characters; a named value takes {MAX_NAMED_VALUE}"
