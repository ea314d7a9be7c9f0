"""`chargeback config add …`: adds one team, cost centre, model, region, budget or price, and keeps every comment."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from chargeback.adapters.config.company_files import CompanyFiles
from chargeback.cli.answers import Answer, answer
from chargeback.cli.config import read_whole
from chargeback.cli.options import ConfigDir, Json, amount_of
from chargeback.domain.budgets.windows import Every
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import to_text
from chargeback.domain.terms.offers import Offer
from chargeback.settings import DEPLOYED_CONFIG

app = typer.Typer(help="Add one thing to the files of your company.", no_args_is_help=True)

Id = Annotated[str | None, typer.Option("--id", metavar="ID", help="Its id. Default: made of the name.")]


class ChangedFiles(Answer, frozen=True):
    """What `config add` did.

    Attributes:
        files: names of the files that it changed.
        added: what was added, a line each.
    """

    folder: str
    files: tuple[str, ...]
    added: tuple[str, ...]


@app.command()
def team(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the team.")],
    id_: Id = None,
    product: Annotated[str, typer.Option("--product", metavar="ID", help="Default: the default product.")] = "",
    cost_centre: Annotated[
        str, typer.Option("--cost-centre", metavar="PATH", help="Who pays; made where missing. Default: the id.")
    ] = "",
    config_dir: ConfigDir = DEPLOYED_CONFIG,
    as_json: Json = False,
) -> None:
    """Add a team and who pays for it.

    Adds its subscription, its cost centre where that is missing, and the rule that the one pays for the other.

    Example: chargeback config add team "Search" --cost-centre product/search
    """
    from chargeback.adapters.config.additions import Team, add_team
    from chargeback.adapters.config.company_files import id_of

    files = CompanyFiles(config_dir)
    chosen = id_ or id_of(name)
    add_team(files, Team(chosen, name, product, cost_centre or chosen))
    _write(files, [f"team {chosen}: cost centre {cost_centre or chosen} pays"], as_json=as_json)


@app.command("cost-centre")
def cost_centre(
    path: Annotated[str, typer.Argument(metavar="PATH", help="Its path in the tree, such as product/search.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What reports call it.")],
    config_dir: ConfigDir = DEPLOYED_CONFIG,
    as_json: Json = False,
) -> None:
    """Add a cost centre.

    A rule says whose calls it pays: `config add team`, or an entry in cost-centres.yaml.

    Example: chargeback config add cost-centre corporate/legal "Legal"
    """
    from chargeback.adapters.config.additions import add_cost_centre

    files = CompanyFiles(config_dir)
    add_cost_centre(files, path, name)
    _write(files, [f"cost centre {path}"], as_json=as_json)


@app.command()
def model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Such as gpt-5.4-mini.")],
    account: Annotated[
        list[str] | None,
        typer.Option("--account", metavar="ACCOUNT", help="Where; may be repeated. Default: every account."),
    ] = None,
    deployment_type: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="Default: DataZoneStandard where it is offered.")
    ] = "",
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What callers ask for. Default: MODEL.")] = "",
    config_dir: ConfigDir = DEPLOYED_CONFIG,
    as_json: Json = False,
) -> None:
    """Add a deployment of a model.

    To each of your accounts, or those named; only where it is offered and has a price.

    Example: chargeback config add model gpt-5.4-mini --type GlobalStandard
    """
    from chargeback.adapters.config.additions import add_model, regions_of_accounts
    from chargeback.adapters.config.known_offers import load_offers

    files = CompanyFiles(config_dir)
    places = regions_of_accounts(files)
    if unknown := [each for each in account or () if each not in places]:
        raise InvalidConfig([f"deployments.yaml: accounts: there is no {each!r}" for each in unknown])
    known = [each for each in load_offers(config_dir, datetime.now(UTC)) if each.model.model == model]
    chosen = {each: _best(known, places[each], deployment_type) for each in account or places}
    if faults := [
        _not_offered(model, deployment_type, each, places[each], known) for each in chosen if not chosen[each]
    ]:
        raise InvalidConfig(faults)
    offered = {each: offer for each, offer in chosen.items() if offer is not None}
    added = add_model(files, name or model, offered)
    _write(files, [f"{each}: {_priced(offered[each.partition('/')[0]])}" for each in added], as_json=as_json)


@app.command()
def region(
    region: Annotated[str, typer.Argument(metavar="REGION", help="Azure region, such as francecentral.")],
    geography: Annotated[
        str, typer.Option("--geography", metavar="ID", help="The geography that it belongs to; made where missing.")
    ],
    gateway: Annotated[bool, typer.Option("--gateway", help="Run a gateway there, too, not only an account.")] = False,
    config_dir: ConfigDir = DEPLOYED_CONFIG,
    as_json: Json = False,
) -> None:
    """Add an account in a region.

    With the deployments of the first account, as far as their models are offered there and have a price.

    Example: chargeback config add region francecentral --geography home
    """
    from chargeback.adapters.config.additions import add_region
    from chargeback.adapters.config.known_offers import load_offers

    files = CompanyFiles(config_dir)
    wanted = _first_deployments(files)
    known = [each for each in load_offers(config_dir, datetime.now(UTC)) if each.region == region]
    found = {
        name: _best([o for o in known if o.model.model == each["model"]], region, each["type"])
        or _best([o for o in known if o.model.model == each["model"]], region, "")
        for name, each in wanted.items()
    }
    offered = {name: offer for name, offer in found.items() if offer is not None}
    if not offered:
        raise InvalidConfig([f"{region}: none of {', '.join(found)} is offered there with a price"])
    account = add_region(files, region, offered, geography=geography, has_gateway=gateway)
    lines = [f"{account}/{name}: {_priced(each)}" for name, each in offered.items()]
    lines += [
        f"{name}: not as {wanted[name]['type']}, which is not offered there with a price, but as"
        f" {each.deployment_type}; the type decides where Azure may process its calls"
        for name, each in offered.items()
        if each.deployment_type != wanted[name]["type"]
    ]
    missing = [f"not there, as it is not offered with a price: {each}" for each in found if found[each] is None]
    _write(files, [*lines, *missing], as_json=as_json)


@app.command()
def budget(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Its name, such as search-monthly.")],
    amount: Annotated[str, typer.Option("--amount", metavar="AMOUNT", help="In the currency of the books.")],
    cost_centre: Annotated[
        str, typer.Option("--cost-centre", metavar="PATH", help="Whose usage, with all below. Default: everything.")
    ] = "",
    every: Annotated[Every, typer.Option("--every", help="How often it begins again.")] = Every.MONTH,
    owner: Annotated[
        str, typer.Option("--owner", metavar="TEXT", help="Whom callers should ask for more. Default: nobody.")
    ] = "",
    config_dir: ConfigDir = DEPLOYED_CONFIG,
    as_json: Json = False,
) -> None:
    """Add a budget that tells people.

    At 80 and at 100 percent; docs/budgets.md says what else a budget can do.

    Example: chargeback config add budget search --cost-centre product/search --amount 500
    """
    from chargeback.adapters.config.additions import add_entry

    steps = [{"percent": 80, "do": "notify"}, {"percent": 100, "do": "notify"}]
    scope: dict[str, Any] = {"costCentre": cost_centre} if cost_centre else {"everything": True}
    exact = to_text(amount_of(amount))
    entry = {"id": id_, **scope, "amount": int(exact) if exact.isdecimal() else exact, "every": str(every)}
    files = CompanyFiles(config_dir)
    add_entry(files, "budgets.yaml", "budgets", {**entry, **({"owner": owner} if owner else {}), "steps": steps})
    _write(files, [f"budget {id_}: {exact} a {every}"], as_json=as_json)


@app.command()
def price(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Stands on every price that it changes, such as ea-2026.")],
    model: Annotated[str, typer.Option("--model", metavar="MODEL", help="Which model's prices.")],
    source: Annotated[str, typer.Option("--source", metavar="TEXT", help="The agreement behind it.")],
    effective_from: Annotated[
        str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first date of the books on which it holds.")
    ],
    discount: Annotated[
        str,
        typer.Option("--discount", metavar="PERCENT", help="Percent off the list price. Default: see --per-million."),
    ] = "",
    per_million: Annotated[
        list[str] | None,
        typer.Option(
            "--per-million",
            metavar="METER=AMOUNT",
            help="The agreed price of a meter; may be repeated. Default: see --discount.",
        ),
    ] = None,
    config_dir: ConfigDir = DEPLOYED_CONFIG,
    as_json: Json = False,
) -> None:
    """Add a price that you agreed.

    A discount, or the amount of each meter.

    Example: chargeback config add price ea-2026 --model gpt-5.4 --discount 15 --source "EA 1234" --from 2026-12-01
    """
    from chargeback.adapters.config.additions import add_entry

    if bool(discount) == bool(per_million):
        raise typer.BadParameter("name either --discount or --per-million")
    agreed: dict[str, Any] = {"discount": to_text(amount_of(discount))} if discount else {}
    if per_million:
        agreed = {"contractedPerMillion": dict(map(_meter_and_amount, per_million))}
    when = {"provider": "azure-openai", "model": model}
    files = CompanyFiles(config_dir)
    entry = {"id": id_, "source": source, "effectiveFrom": effective_from, "when": when, **agreed}
    add_entry(files, "adjustments.yaml", "adjustments", entry)
    _write(files, [f"price {id_} of {model} from {effective_from}"], as_json=as_json)


@app.command("list-price")
def list_price(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model that the rate card has no price for.")],
    deployment_type: Annotated[str, typer.Option("--type", metavar="TYPE", help="Such as GlobalStandard.")],
    per_million: Annotated[
        list[str], typer.Option("--per-million", metavar="METER=AMOUNT", help="List price of a meter; may be repeated.")
    ],
    source: Annotated[str, typer.Option("--source", metavar="TEXT", help="Where and when you read it.")],
    effective_from: Annotated[
        str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first date of the books on which it holds.")
    ],
    region: Annotated[
        list[str] | None,
        typer.Option("--region", metavar="REGION", help="Only there; may be repeated. Default: everywhere."),
    ] = None,
    config_dir: ConfigDir = DEPLOYED_CONFIG,
    as_json: Json = False,
) -> None:
    """Add a list price that the rate card lacks.

    Example: chargeback config add list-price gpt-6 --type GlobalStandard --per-million input_tokens=3 --source "price
    page, read 2026-12-01" --from 2026-12-01
    """
    files = CompanyFiles(config_dir)
    key = {"provider": "azure-openai", "model": model, "deploymentTypes": [deployment_type]}
    where = {"regions": region} if region else {}
    amounts = dict(map(_meter_and_amount, per_million))
    entry = {**key, **where, "effectiveFrom": effective_from, "source": source, "perMillion": amounts}
    files["prices.yaml"].append("prices", entry=entry)
    _write(files, [f"list price of {model} as {deployment_type} from {effective_from}"], as_json=as_json)


def _meter_and_amount(text: str) -> tuple[str, str]:
    meter, _, amount = text.partition("=")
    if not amount:
        raise typer.BadParameter(f"{text!r} is not METER=AMOUNT, such as input_tokens=2.10")
    return meter, to_text(amount_of(amount))


def _not_offered(model: str, deployment_type: str, account: str, region: str, known: list[Offer]) -> str:
    what = f"{model} as {deployment_type}" if deployment_type else model
    here = [str(each.deployment_type) for each in known if each.region == region]
    offered = (
        f"there it is as {', '.join(here)}"
        if here
        else "models.yaml says what is, `config add list-price` adds a price"
    )
    return f"{what} is not offered with a price at {account} in {region}; {offered}"


def _best(known: list[Offer], region: str, deployment_type: str) -> Offer | None:
    """The offer of a model in a region: the newest version, in the data zone if no type is named."""
    here = [each for each in known if each.region == region]
    if deployment_type:
        here = [each for each in here if each.deployment_type == deployment_type]
    zonal = [each for each in here if each.deployment_type == "DataZoneStandard"]
    return max(zonal or here, key=lambda each: each.model.retires, default=None)


def _first_deployments(files: CompanyFiles) -> dict[str, dict[str, Any]]:
    """The deployments of the first account, by the names that callers ask for."""
    accounts = files.entries("deployments.yaml", "accounts")
    first = accounts[0].get("deployments", "") if accounts else ""
    served = files.entries("deployments.yaml", "deploymentSets", str(first))
    return {each["name"]: each for each in served if {"name", "model", "type"} <= set(each)}


def _priced(offer: Offer) -> str:
    amounts = ", ".join(f"{meter} {to_text(price.list_per_million)}" for meter, price in offer.prices.items())
    currency = next(iter(offer.prices.values())).currency
    return f"{offer.model} as {offer.deployment_type}: {amounts} {currency} per million"


def _write(files: CompanyFiles, added: list[str], *, as_json: bool) -> None:
    found = ChangedFiles(str(files.folder / "company"), tuple(files.write(read_whole)), tuple(added))
    answer(found, _lines(found), as_json=as_json)


def _lines(found: ChangedFiles) -> Iterator[str]:
    yield from found.added
    yield f"{found.folder}: {', '.join(found.files)} changed; config diff says what that moves, config apply applies it"
