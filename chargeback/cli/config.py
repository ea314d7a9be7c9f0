"""The configuration on the command line: checking its files, and bringing them into force."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import typer

from chargeback.bootstrap import DEPLOYED_CONFIG, Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import By, ConfigDir, Json
from chargeback.cli.terminal import run
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.terms import Terms

app = typer.Typer(help="The rate card, deployments and cost centres.", no_args_is_help=True)


class ValidatedConfig(Answer, frozen=True):
    """What `config validate` says of valid files.

    Attributes:
        prices_verified: how many prices are known in which way, such as `353 api, 12 assumed`.
        unpriced: deployments without a price now, so that their usage would be unpriced.
        warnings: everything else that somebody should look at.
        tables: how full the fullest fragment of each of the gateway's tables is, in percent.
    """

    folder: str
    digest: str
    terms_digest: str
    currency: str
    prices: int
    prices_verified: str
    shared_costs: int
    budgets: int
    unpriced: tuple[str, ...]
    warnings: tuple[str, ...]
    tables: dict[str, int]


class AppliedConfig(Answer, frozen=True):
    """What `config apply` did; `before` is empty where the deployed files were in force.

    Attributes:
        changes: what differs, a line each.
        posted_again: UTC days that the next posting rates again.
        audited_again: UTC days that the next audit rates again.
        closed: closed periods with usage that would be rated differently; they stay as they are.
    """

    before: str
    digest: str
    terms_digest: str
    is_changed: bool
    changes: tuple[str, ...]
    posted_again: tuple[str, ...]
    audited_again: tuple[str, ...]
    closed: tuple[str, ...]


@app.command()
def validate(config_dir: ConfigDir = DEPLOYED_CONFIG, as_json: Json = False) -> None:
    """Check the files, and name every fault.

    The files of a folder are checked together; each fault has its file and place.
    """
    catalogue, terms = _read_all(config_dir)
    found = _validated(config_dir, catalogue, terms)
    for each in () if as_json else (*found.unpriced, *found.warnings):
        typer.echo(f"warning: {each}", err=True)
    answer(found, _told(found), as_json=as_json)
    finish(has_findings=bool(found.unpriced))


def _read_all(config_dir: Path) -> tuple[Catalogue, Terms]:
    """The files of the folder. Raises `InvalidConfig` with every fault."""
    from chargeback.adapters.config.budget_names import budget_name_faults
    from chargeback.adapters.config.catalogue import load_catalogue
    from chargeback.adapters.config.emitters import load_emitters
    from chargeback.adapters.config.gateway import gateway_faults
    from chargeback.adapters.config.retail_meters import retail_meter_faults
    from chargeback.adapters.config.terms import load_terms

    faults = retail_meter_faults(config_dir)
    try:
        catalogue = load_catalogue(config_dir)
        terms = load_terms(config_dir, catalogue)
        load_emitters(config_dir)
    except InvalidConfig as error:
        raise InvalidConfig([*error.faults, *faults]) from None
    faults += gateway_faults(config_dir)
    if not faults:  # what budgets name is looked up in sound files
        faults += budget_name_faults(config_dir, catalogue, datetime.now(UTC))
    if faults:
        raise InvalidConfig(faults)
    return catalogue, terms


def _validated(config_dir: Path, catalogue: Catalogue, terms: Terms) -> ValidatedConfig:
    from chargeback.adapters.config.gateway import fills
    from chargeback.adapters.config.price_notes import how_known
    from chargeback.domain.terms.coverage import unpriced_deployments

    now = datetime.now(UTC)
    return ValidatedConfig(
        folder=str(config_dir),
        digest=catalogue.digest,
        terms_digest=terms.digest,
        currency=catalogue.currency,
        prices=len(catalogue.prices),
        prices_verified=how_known(config_dir),
        shared_costs=len(terms.shared_costs),
        budgets=len(terms.budgets),
        unpriced=tuple(
            f"deployments.yaml: {each.account}/{each.name}: no price covers {each.model}"
            f" (version {each.version}) as {each.type} in {each.region} now: its usage would be unpriced"
            for each in unpriced_deployments(catalogue, now)
        ),
        warnings=tuple(_warnings(config_dir, terms, now)),
        tables={table: round(100 * share) for table, share in fills(config_dir).items()},
    )


def _warnings(config_dir: Path, terms: Terms, now: datetime) -> Iterator[str]:
    from chargeback.adapters.config.models import notes_on_models
    from chargeback.adapters.config.price_notes import notes_on_prices
    from chargeback.domain.terms.coverage import idle_without_owner

    yield from (f"shared-costs.yaml: {note}" for note in idle_without_owner(terms.shared_costs))
    yield from notes_on_prices(config_dir, now)
    yield from (f"deployments.yaml: {note}" for note in notes_on_models(config_dir, now.date()))


def _told(found: ValidatedConfig) -> Iterator[str]:
    yield (
        f"{found.folder}: valid, {found.prices} prices in {found.currency}"
        f" ({found.prices_verified}), digest {found.digest[:12]};"
        f" {found.shared_costs} shared costs, {found.budgets} budgets, digest {found.terms_digest[:12]}"
    )
    if found.tables:
        shares = ", ".join(f"{table} {percent}%" for table, percent in found.tables.items())
        yield f"tables of the gateway, by the fullest of their fragments: {shares}"


@app.command()
def apply(by: By, config_dir: ConfigDir = DEPLOYED_CONFIG, as_json: Json = False) -> None:
    """Bring the files into force.

    Says what changed, and which days of the open periods are rated again.

    Example: python -m chargeback config apply --by "Ann Lee"
    """

    async def work(container: Container) -> None:
        from chargeback.adapters.config.catalogue import load_catalogue, to_documents
        from chargeback.adapters.config.terms import load_terms
        from chargeback.services.configuring.apply_config import bring_into_force
        from chargeback.services.configuring.tell_config import outcome_lines

        documents, catalogue = to_documents(config_dir), load_catalogue(config_dir)
        terms = load_terms(config_dir, catalogue)
        stores = container.control, container.catalogues, container.ledger
        brought = await bring_into_force(*stores, catalogue, terms, documents, by=by, now=datetime.now(UTC))
        applied = AppliedConfig(
            before=brought.applied.before or "",
            digest=brought.applied.after,
            terms_digest=terms.digest,
            is_changed=brought.applied.changed,
            changes=tuple(map(str, (*brought.catalogue.every, *brought.terms))),
            posted_again=brought.repost.posted,
            audited_again=brought.repost.audited,
            closed=brought.repost.closed,
        )
        answer(applied, outcome_lines(brought, terms.digest), as_json=as_json)

    run(work)
