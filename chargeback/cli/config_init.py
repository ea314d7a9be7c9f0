"""`chargeback config init`: asks a few questions and writes the first files of a company."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer

from chargeback.cli.answers import Answer, answer
from chargeback.cli.config import read_whole
from chargeback.cli.options import ConfigDir, Json, Overwrite
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import to_text
from chargeback.domain.terms.offers import Offer
from chargeback.settings import DEPLOYED_CONFIG

app = typer.Typer(no_args_is_help=True)

T = TypeVar("T")
HOME = "home"
"""Id of the first geography: a name of nobody else, so that nobody reads it as a data zone of Azure."""

Region = Annotated[
    str | None,
    typer.Option("--region", metavar="REGION", help="Azure region of the first gateway and account. Default: asks."),
]
Model = Annotated[
    str | None, typer.Option("--model", metavar="MODEL", help="The first model, such as gpt-5.4. Default: asks.")
]
Type = Annotated[
    str | None,
    typer.Option("--type", metavar="TYPE", help="Its deployment type, such as DataZoneStandard. Default: asks."),
]
Team = Annotated[
    str | None, typer.Option("--team", metavar="NAME", help="Name of the first team, such as Search. Default: asks.")
]


class PriceOfMeter(Answer, frozen=True):
    """What a meter costs by the rate card; `verified` says how the price is known, and is empty where nobody said."""

    meter: str
    per_million: str
    currency: str
    verified: str


class FirstCompany(Answer, frozen=True):
    """What `config init` wrote.

    Attributes:
        files: their names.
        subscription: id of the team's subscription; its cost centre has the same path.
    """

    folder: str
    files: tuple[str, ...]
    region: str
    account: str
    model: str
    version: str
    type: str
    subscription: str
    prices: tuple[PriceOfMeter, ...]


@app.command()
def init(
    config_dir: ConfigDir = DEPLOYED_CONFIG,
    region: Region = None,
    model: Model = None,
    deployment_type: Type = None,
    team: Team = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write the first files of a company.

    One region, one model, one team. Asks for what no option says, and offers only what models.yaml knows and the rate
    card has prices for.

    Example: chargeback config init --region swedencentral --model gpt-5.4 --team Search
    """
    from chargeback.adapters.config.additions import Team as NewTeam
    from chargeback.adapters.config.additions import add_region, add_team
    from chargeback.adapters.config.company_files import FIRST, CompanyFiles, id_of, require_provider
    from chargeback.adapters.config.folders import written_files
    from chargeback.adapters.config.known_offers import load_offers

    require_provider(config_dir)
    company = config_dir / "company"
    if not overwrite and (there := [path.name for path in written_files(config_dir)]):
        raise typer.BadParameter(
            f"{company} has {', '.join(there)} already: `chargeback config add` adds to them, and --overwrite replaces"
            f" {', '.join(FIRST)}"
        )
    now = datetime.now(UTC)
    offer = _chosen(load_offers(config_dir, now), region, model, deployment_type)
    name = _asked("Name of the first team", team, "--team", None, _name)
    files = CompanyFiles(config_dir, is_new=True)
    files["books.yaml"].append("books", entry={"from": f"{now:%Y-%m}", "timeZone": "UTC", "currency": _currency(offer)})
    files.begin("alerts.yaml")
    account = add_region(files, offer.region, {offer.model.model: offer}, geography=HOME, has_gateway=True)
    add_team(files, NewTeam(id_of(name), name, "", id_of(name)))
    written = files.write(read_whole)
    found = FirstCompany(
        folder=str(company),
        files=tuple(sorted(written)),
        region=offer.region,
        account=account,
        model=offer.model.model,
        version=offer.model.version,
        type=str(offer.deployment_type),
        subscription=id_of(name),
        prices=tuple(_prices(offer)),
    )
    answer(found, _told(found), as_json=as_json)


def _chosen(found: Sequence[Offer], region: str | None, model: str | None, deployment_type: str | None) -> Offer:
    """The offer that is meant; a first model answers chat, because a deployment is tried with a small chat."""
    usable = [each for each in found if "chat.completions" in each.model.operations]
    regions = sorted({each.region for each in usable})
    place = _one_of("Azure region of the first gateway and account", region, "--region", regions, "swedencentral")
    here = [each for each in usable if each.region == place]
    for each in here if model is None else ():
        typer.echo(f"  {each.model.model} as {each.deployment_type}: {_shown(list(_prices(each)))}", err=True)
    models = list(dict.fromkeys(each.model.model for each in here))
    name = _one_of("First model", model, "--model", models, "gpt-5.4")
    types = [str(each.deployment_type) for each in here if each.model.model == name]
    default = "DataZoneStandard" if "DataZoneStandard" in types else types[0]
    kind = types[0] if len(types) == 1 and deployment_type is None else deployment_type
    kind = _one_of("Its deployment type (DataZoneStandard answers within the zone)", kind, "--type", types, default)
    return next(each for each in here if (each.model.model, str(each.deployment_type)) == (name, kind))


def _one_of(question: str, given: str | None, option: str, choices: Sequence[str], default: str) -> str:
    def check(text: str) -> str:
        if text not in choices:
            raise typer.BadParameter(f"{text!r} is not offered with a price; there are {', '.join(choices)}")
        return text

    return _asked(question, given, option, default if default in choices else None, check)


def _asked(question: str, given: str | None, option: str, default: str | None, check: Callable[[str], T]) -> T:
    """What an option says, or else a person; a person is asked again after a wrong answer."""
    if given is not None:
        return check(given)
    while True:
        try:
            return check(typer.prompt(question, default=default, err=True))
        except typer.BadParameter as wrong:
            typer.echo(str(wrong), err=True)
        except typer.Abort:
            raise typer.BadParameter(f"nobody answers here: add {option}") from None


def _name(text: str) -> str:
    from chargeback.adapters.config.company_files import id_of

    try:
        id_of(text)
    except InvalidConfig:
        raise typer.BadParameter(
            f"{text!r} has no letter a-z and no digit to make an id of: give another name, and change it in"
            " gateway.yaml and cost-centres.yaml afterwards"
        ) from None
    return text.strip()


def _currency(offer: Offer) -> str:
    return next(iter(offer.prices.values())).currency


def _prices(offer: Offer) -> Iterator[PriceOfMeter]:
    for meter, price in offer.prices.items():
        yield PriceOfMeter(str(meter), to_text(price.list_per_million), price.currency, str(price.verified or ""))


def _shown(prices: Sequence[PriceOfMeter]) -> str:
    amounts = ", ".join(f"{each.meter} {each.per_million}" for each in prices)
    known = ", ".join(sorted({each.verified or "not said" for each in prices}))
    return f"{amounts} {prices[0].currency} per million (known from: {known})"


def _told(found: FirstCompany) -> Iterator[str]:
    yield f"{found.folder}: {', '.join(found.files)}"
    yield f"{found.model} {found.version} as {found.type} in {found.region}: {_shown(found.prices)}"
    yield f"team {found.subscription} pays its own calls as cost centre {found.subscription}"
    yield "next: chargeback config validate, then azd up; chargeback config add adds teams, models, regions and budgets"
