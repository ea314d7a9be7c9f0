"""The configuration on the command line: checking its files, and bringing them into force."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import By, ConfigDir, DryRun, Json
from chargeback.cli.signed_in import acting
from chargeback.cli.terminal import counted, progress, rehearsed, run
from chargeback.domain.access.permissions import Permission
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.payers import Payer, shared_rules
from chargeback.domain.cost_centres.tree import UNALLOCATED
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import EXACT
from chargeback.domain.money.numerals import bare_amount, said_amount
from chargeback.domain.terms.terms import Terms
from chargeback.services.configuring.versions import ACCESS_FILE
from chargeback.settings import DEPLOYED_CONFIG

app = typer.Typer(help="Your company's files: begin, add, check, apply.", no_args_is_help=True)


class PayerOfCalls(Answer, frozen=True):
    """Who pays for some calls of a subscription.

    Attributes:
        cost_centre: its path, or `unallocated`.
        rule: id of the rule that says so; empty where none does.
        when: what a call must have in addition, such as a billing code; empty: all others.
    """

    cost_centre: str
    rule: str
    when: dict[str, str]


class ValidatedConfig(Answer, frozen=True):
    """What `config validate` says of valid files.

    Attributes:
        prices_verified: how many prices are known in which way, such as `353 api, 12 assumed`.
        unpriced: deployments without a price now, so that their usage would be unpriced.
        warnings: everything else that somebody should look at.
        tables: how full the fullest fragment of each of the gateway's tables is, in percent.
        payers: who pays for the calls of each subscription now, in the order in which the rules are asked.
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
    payers: dict[str, tuple[PayerOfCalls, ...]]


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
    catalogue, terms = read_whole(config_dir)
    found = _validated(config_dir, catalogue, terms)
    for each in () if as_json else (*found.unpriced, *found.warnings):
        typer.echo(f"warning: {each}", err=True)
    answer(found, _told(found), as_json=as_json)
    finish(has_findings=bool(found.unpriced))


def read_whole(config_dir: Path) -> tuple[Catalogue, Terms]:
    """The files of the folder. Raises `InvalidConfig` with every fault."""
    from chargeback.adapters.config.alerts import load_alerts
    from chargeback.adapters.config.budget_names import budget_name_faults
    from chargeback.adapters.config.catalogue import load_catalogue
    from chargeback.adapters.config.emitters import load_emitters
    from chargeback.adapters.config.folders import unread_files
    from chargeback.adapters.config.gateway import gateway_faults
    from chargeback.adapters.config.retail_meters import retail_meter_faults
    from chargeback.adapters.config.rule_names import rule_name_faults
    from chargeback.adapters.config.terms import load_terms

    faults = [*unread_files(config_dir), *retail_meter_faults(config_dir)]
    try:
        catalogue = load_catalogue(config_dir)
        terms = load_terms(config_dir, catalogue)
        load_emitters(config_dir)
        load_alerts(config_dir)
    except InvalidConfig as error:
        raise InvalidConfig(list(dict.fromkeys([*error.faults, *faults]))) from None
    faults += gateway_faults(config_dir)
    if not faults:  # what rules and budgets name is looked up in sound files
        now = datetime.now(UTC)
        faults += rule_name_faults(config_dir, catalogue, now)
        faults += budget_name_faults(config_dir, catalogue, now)
    if faults:
        raise InvalidConfig(faults)
    return catalogue, terms


def _validated(config_dir: Path, catalogue: Catalogue, terms: Terms) -> ValidatedConfig:
    from chargeback.adapters.config.gateway import fills
    from chargeback.adapters.config.price_notes import how_known
    from chargeback.adapters.config.rule_names import payers_of_subscriptions
    from chargeback.domain.terms.coverage import unpriced_deployments

    now = datetime.now(UTC)
    payers = payers_of_subscriptions(config_dir, catalogue, now)
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
        warnings=(*_unpaid(payers), *_warnings(config_dir, catalogue, terms, now)),
        tables={table: round(100 * share) for table, share in fills(config_dir).items()},
        payers={
            subscription: tuple(PayerOfCalls(each.cost_centre, each.rule, {**each.when}) for each in found)
            for subscription, found in payers.items()
        },
    )


def _unpaid(payers: Mapping[str, Sequence[Payer]]) -> Iterator[str]:
    for subscription, found in payers.items():
        if any(each.cost_centre == UNALLOCATED for each in found):
            some = "" if len(found) == 1 else "some of "
            yield f"cost-centres.yaml: no rule says who pays for {some}the calls of {subscription!r}"
    for rule, subscriptions in shared_rules(payers).items():
        named = ", ".join(map(repr, subscriptions))
        yield f"cost-centres.yaml: rule {rule!r} bills {named} together, and would bill a later one like them"


def _warnings(config_dir: Path, catalogue: Catalogue, terms: Terms, now: datetime) -> Iterator[str]:
    from chargeback.adapters.config.access import notes_on_access
    from chargeback.adapters.config.alerts import load_alerts
    from chargeback.adapters.config.models import notes_on_models
    from chargeback.adapters.config.posting import notes_on_posting
    from chargeback.adapters.config.price_notes import notes_on_prices
    from chargeback.domain.terms.coverage import idle_without_owner

    yield from (f"shared-costs.yaml: {note}" for note in idle_without_owner(terms.shared_costs))
    yield from (
        f"posting.yaml: {note}"
        for note in notes_on_posting(terms.posting, catalogue.allocation, terms.shared_costs, now)
    )
    yield from notes_on_prices(config_dir, now)
    yield from (f"deployments.yaml: {note}" for note in notes_on_models(config_dir, now.date()))
    yield from (f"{ACCESS_FILE}: {note}" for note in notes_on_access(terms.ownership))
    if unheard := load_alerts(config_dir).plan.unheard():
        kinds = "any kind" if len(unheard) == len(AlertKind) else ", ".join(unheard)
        yield f"alerts.yaml: no subscription takes every alert of {kinds}: some may reach nobody"


def _told(found: ValidatedConfig) -> Iterator[str]:
    yield (
        f"{found.folder}: valid, {found.prices} prices in {found.currency}"
        f" ({found.prices_verified}), digest {found.digest[:12]};"
        f" {found.shared_costs} shared costs, {found.budgets} budgets, digest {found.terms_digest[:12]}"
    )
    if found.tables:
        shares = ", ".join(f"{table} {percent}%" for table, percent in found.tables.items())
        yield f"tables of the gateway, by the fullest of their fragments: {shares}"
    for subscription, payers in found.payers.items():
        yield f"{subscription} is paid by {'; '.join(map(_payer, payers))}"


def _payer(payer: PayerOfCalls) -> str:
    when = " and ".join(f"{name} {value}" for name, value in payer.when.items())
    return f"{payer.cost_centre}{f' for calls with {when}' if when else ''}"


class MovedPayment(Answer, frozen=True):
    """What a cost centre pays in an open period now and would pay, as the files of the month would say it.

    Attributes:
        before, after: usage and shared costs; what is carried for closed months is in neither.
        shared_before, shared_after: the part that is shared costs.
        unpriced_before, unpriced_after: rows without a price; their cost is in no sum.
    """

    period: str
    cost_centre: str
    currency: str
    before: Decimal
    after: Decimal
    shared_before: Decimal
    shared_after: Decimal
    unpriced_before: int
    unpriced_after: int


class DifferingConfig(Answer, frozen=True):
    """What applying the files would change.

    Attributes:
        changes: what differs, a line each.
        moved: who would pay something else in open periods.
        unknown: open periods that cannot be compared, each with the reason.
        posted_again: UTC days that the next posting would rate again.
        audited_again: UTC days that the next audit would rate again.
        closed: closed periods with usage that would be rated differently; they stay as they are.
    """

    changes: tuple[str, ...]
    moved: tuple[MovedPayment, ...]
    unknown: dict[str, str]
    posted_again: tuple[str, ...]
    audited_again: tuple[str, ...]
    closed: tuple[str, ...]


@app.command()
def diff(config_dir: ConfigDir = DEPLOYED_CONFIG, as_json: Json = False) -> None:
    """Say what applying the files would change.

    Compares them with what is in force, and makes up each open month with both. Changes nothing.
    """
    found: list[DifferingConfig] = []

    async def work(container: Container) -> None:
        found.append(await _compared(container, config_dir))

    run(work)
    answer(found[0], _differences(found[0]), as_json=as_json)
    finish(has_findings=bool(found[0].changes))


async def _compared(container: Container, config_dir: Path) -> DifferingConfig:
    from chargeback.services.closing.preview_month import MonthPreview
    from chargeback.services.configuring.compare_config import compare_config

    catalogue, terms = read_whole(config_dir)
    with rehearsed(container, is_dry_run=True) as of, progress("comparing", None) as advance:
        preview = MonthPreview(of.publisher, of.settled_days, of.reports)
        stores = of.periods, of.catalogues, of.ledger, preview
        compared = await compare_config(*stores, catalogue, terms, now=datetime.now(UTC), progress=counted(advance))
    return DifferingConfig(
        changes=tuple(map(str, (*compared.catalogue.every, *compared.terms))),
        moved=tuple(
            MovedPayment(
                payment.period,
                payment.cost_centre,
                payment.currency,
                moved.before.cost,
                moved.after.cost,
                moved.before.shared,
                moved.after.shared,
                moved.before.unpriced,
                moved.after.unpriced,
            )
            for payment, moved in compared.moved.items()
        ),
        unknown={str(period): reason for period, reason in compared.unknown.items()},
        posted_again=compared.repost.posted,
        audited_again=compared.repost.audited,
        closed=compared.repost.closed,
    )


def _differences(found: DifferingConfig) -> Iterator[str]:
    yield from found.changes or ("the files are what is in force",)
    for each in found.moved:
        change = EXACT.subtract(each.after, each.before)
        yield (
            f"{each.period} {each.cost_centre}: {said_amount(change, each.currency, plus=True)}"
            f" ({_turn(each.before, each.after, each.currency)}){_shared(each)}{_unpriced(each)}"
        )
    days = len(found.posted_again) + len(found.audited_again)
    if found.changes and not found.moved:
        again = f", although {days} days would be rated again" if days else ""
        yield f"nobody would pay anything else in open periods{again}"
    for period, reason in found.unknown.items():
        yield f"{period}: nobody can say what moves, because it cannot be published with what is in force: {reason}"
    for period in found.closed:
        yield f"{period} is closed: what was rated there stays as it is"


def _shared(each: MovedPayment) -> str:
    if each.shared_before == each.shared_after:
        return ""
    return f"; shared costs {_turn(each.shared_before, each.shared_after, each.currency)}"


def _turn(before: Decimal, after: Decimal, currency: str) -> str:
    return f"{bare_amount(before, currency)} → {bare_amount(after, currency)}"


def _unpriced(each: MovedPayment) -> str:
    if each.unpriced_before == each.unpriced_after:
        return ""
    return f"; without a price: {each.unpriced_before} → {each.unpriced_after} rows"


@app.command()
def apply(
    by: By = None, config_dir: ConfigDir = DEPLOYED_CONFIG, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Bring the files into force.

    Says what changed, and which days of the open periods are rated again.

    Example: chargeback config apply
    """
    if dry_run:
        diff(config_dir, as_json)
        return

    async def work(container: Container) -> None:
        from chargeback.adapters.config.catalogue import to_documents
        from chargeback.services.configuring.apply_config import bring_into_force
        from chargeback.services.configuring.tell_config import outcome_lines

        documents, (catalogue, terms) = to_documents(config_dir), read_whole(config_dir)
        who = await acting(container, Permission.CHANGE_CONFIGURATION, by)
        stores = container.control, container.catalogues, container.ledger
        brought = await bring_into_force(*stores, catalogue, terms, documents, by=who.by, now=datetime.now(UTC))
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
