"""The string of decisions for a gateway: made from states of budgets, and read as a gateway has to read it."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from urllib.parse import quote, unquote

from chargeback.domain.budgets.budget import Action, Budget, Scope, Step
from chargeback.domain.budgets.decisions import ANCHORS, Product, decision_text
from chargeback.domain.budgets.scopes import is_object_id
from chargeback.domain.budgets.state import BudgetState, Spend
from chargeback.domain.budgets.windows import Every, window_of
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.cost_centres.tree import UNALLOCATED
from chargeback.domain.usage.lines import Line

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
STANDARD = Product("standard", frozenset({"search", "support"}))
EMPTY = Line(*[""] * len(Line._fields))
ACTIONS = {Action.WARN: "warn", Action.SWAP: "swap", Action.THROTTLE: "throttle", Action.BLOCK: "refuse"}
SEVERITY = ["allow", "warn", "swap", "throttle", "refuse"]


def midnight(day: date) -> datetime:
    """The midnight of books that are kept in UTC."""
    return datetime.combine(day, time(), UTC)


def state(scope: Scope, action: Action = Action.BLOCK, spent: str = "120", **given: object) -> BudgetState:
    """A budget of 100 USD a month whose step with this action is reached."""
    step = Step(Decimal(80), action, **{"tokens_per_minute": 500} if action is Action.THROTTLE else {})  # type: ignore[arg-type]
    if action is Action.SWAP:
        step = Step(Decimal(80), action, fallback={"gpt-5.5": "gpt-5.4-mini"})
    budget = Budget(f"of {scope}", scope, Decimal(100), "USD", Every.MONTH, (step,), **given)  # type: ignore[arg-type]
    window = window_of(Every.MONTH, NOW.date())
    return BudgetState(budget, window, Decimal(0), (), Spend(Decimal(spent)), None, (step,))


def text(*states: BudgetState, rules: tuple[Rule, ...] = (), product: Product = STANDARD, now: datetime = NOW) -> str:
    """The string of a product."""
    return decision_text(product, states, rules, now, midnight).text


def read(found: str) -> dict[str, dict[str, str]]:
    """The fields of each record, by its key."""
    entries = (entry.partition(":") for entry in found.split(";")[1:] if entry)
    return {key: dict(field.split("=", 1) for field in record.split("|")) for key, _, record in entries}


def looked_up(found: str, line: Line) -> str:
    """What happens to a call, as a gateway finds it out: with lookups by key alone."""
    records = read(found)
    names = {"subscription": line.subscription, "product": line.product, "app": line.app, "tenant": line.tenant}
    names |= {"userObjectId": line.user_object_id, "apimUser": line.apim_user}
    claims = {"billingCode": line.billing_code, "company": line.company, "user": line.user}
    keys = [f"subscription/{quote(line.subscription, safe='')}", f"product/{quote(line.product, safe='')}"]
    keys += [
        f"app/{quote(line.tenant, safe='')}/{quote(line.app, safe='')}",
        f"user/{quote(line.user_object_id, safe='')}",
        "" if is_object_id(line.user) else f"user/{quote(line.user, safe='')}",
        f"model/{quote(line.model, safe='')}",
        "all",
    ]
    matched = []
    for key in records:
        anchor, sign, conditions = key.partition("#")
        field, _, value = anchor.partition("/")
        if sign and field in ANCHORS and names[field] and unquote(value) == names[field]:
            number, *others = conditions.split("&")
            pairs = (other.split("/", 1) for other in others)
            if all((names | claims)[name] == unquote(wanted) for name, wanted in pairs):
                matched.append((int(number), key))
    keys.append(min(matched)[1] if matched else UNALLOCATED)
    return max((records[key]["action"] for key in keys if key in records), key=SEVERITY.index, default="allow")
