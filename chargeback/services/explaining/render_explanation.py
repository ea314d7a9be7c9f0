"""An explanation as text for people: indented, the largest first, and loud where something does not add up."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from chargeback.domain.usage.states import LineState

Document = dict[str, Any]

_LOUD = "!!"


def text_of(found: Document) -> str:
    """The document of `services.explain` as text."""
    return "\n".join([*_centre(found), *(_charge(found["charge"]) if "charge" in found else ())])


def _centre(found: Document) -> Iterator[str]:
    currency = found["currency"]
    state = "closed" if found["isClosed"] else "open: the figures may still change"
    yield f"{found['costCentre']} in {found['billingPeriod']} ({state})"
    yield f"  {_with_others(found, currency)}"
    for kind, sums in found["kinds"].items():
        yield f"    {kind}: {sums['cost']} {currency} on {_counted(sums['rows'], 'row')}"
    if found["unpricedRows"]:
        yield f"    without a price, so that their cost is not in these sums: {_counted(found['unpricedRows'], 'row')}"
    if found["unsettledRequests"]:
        calls = _counted(found["unsettledRequests"], "call")
        yield f"    waiting for their tokens, so that their cost is not in these sums: {calls}"
    if found["centresBelow"]["largest"]:
        yield f"  cost centres below it, on their own accounts: {_with_others(found['centresBelow'], currency)}"
        for each in found["centresBelow"]["largest"]:
            yield f"    {each['costCentre']}: {each['cost']} {currency}"
    yield from _usage(found)
    for each in found["shared"]:
        yield (
            f"  shared cost {each['id']} ({each['kind']}): {each['cost']} {currency}, {_percent(each['ratio'])}"
            f" by {each['basis']}  [{each['chargeId']}]"
        )
    yield from _corrections(found)


def _usage(found: Document) -> Iterator[str]:
    currency = found["currency"]
    if found["usage"]:
        yield "  usage" + (f" of {found['model']}" if found["model"] else "") + ", the largest first"
    for group in found["usage"]:
        place = group["deploymentType"] or "deployment unknown"
        yield f"    {_cost(group['cost'], currency)}  {group['model'] or 'model unknown'} {place}, {group['meter']}"
        price = (
            f" at {group['unitPrice']} {group['pricingCurrency']} per {group['priceUnit']}"
            if group["unitPrice"]
            else ""
        )
        yield f"      {group['quantity']} {group['unit']}{price}, {group['state']}, {_counted(group['rows'], 'row')}"
        for line in group["largest"]:
            who = " ".join(part for part in (line["subscription"], line["app"], line["user"]) if part)
            cost = _cost(line["cost"], currency)
            yield f"        {line['date']}  {cost}  {line['quantity']}  {who}  [{line['chargeId']}]"
    left = found["usageLeftOut"]
    if left["groups"]:
        yield f"    {left['groups']} more: {left['cost']} {currency} (--limit shows them)"


def _corrections(found: Document) -> Iterator[str]:
    for each in found["corrections"]:
        yield (
            f"  correction of {each['correctsPeriod']} ({each['date']}): {_cost(each['cost'], each['currency'])},"
            f" {each['quantity']} {each['meter']} of {each['model']}  [{each['chargeId']}]"
        )
    if found["correctionsLeftOut"]["rows"]:
        left = found["correctionsLeftOut"]
        yield f"  {left['rows']} more corrections: {_with_others(left, found['currency'])} (--limit shows them)"


def _charge(charge: Document) -> Iterator[str]:
    currency = charge["currency"]
    yield ""
    yield f"charge {charge['chargeId']} of {charge['date']}: {charge['kind']}, {charge['state']}"
    for name, value in charge["dimensions"].items():
        yield f"  {name}: {value}"
    yield from _calculation(charge, currency)
    if "corrects" in charge:
        yield from _corrected(charge["corrects"], currency)
    if "sharedCost" in charge:
        yield from _split(charge["sharedCost"], currency)
    if "price" not in charge:
        return
    yield from _price(charge)
    yield from _who(charge)
    yield from _records(charge)


def _calculation(charge: Document, currency: str) -> Iterator[str]:
    how = charge["calculation"]
    if how is None:
        yield f"  {charge['quantity']} {charge['unit']}: {_cost(charge['exactCost'], currency)}"
    else:
        rate = ""
        if how["exchangeRate"] != "1":
            rate = f" * {how['exchangeRate']} ({how['exchangeRateSource']}, {how['exchangeRateDate']})"
        yield (
            f"  {charge['quantity']} {charge['unit']} * {how['unitPrice']} {how['pricingCurrency']}"
            f" per {how['priceUnit']}{rate} = {how['result']} {currency}"
        )
        if not how["agrees"]:
            yield f"  {_LOUD} the row says {charge['exactCost']} {currency}"
    if charge["rounding"] is not None:
        yield f"  rounding {charge['rounding']}, printed {charge['cost']} {currency}"
    listed, contracted = (_cost(charge[name], currency) for name in ("listCost", "contractedCost"))
    yield f"  at list price {listed}, contracted {contracted}"


def _price(charge: Document) -> Iterator[str]:
    price = charge["price"]
    if price is None:
        yield "  price: none" + (" is known for it" if charge["state"] == LineState.UNPRICED else "")
    elif not price["known"]:
        yield f"  {_LOUD} price {price['id']} is not on the rate card ({charge['configuration']})"
    else:
        yield f"  price {price['id']} ({charge['configuration']})"
        yield (
            f"    per million: list {price['listPerMillion']}, contracted {price['contractedPerMillion']},"
            f" charged {price['perMillion']} {price['currency']}; {price['effective']}"
        )
        yield f"    source: {price['source']}"
        for adjustment in price["adjustments"]:
            yield f"    adjusted by {adjustment}"


def _who(charge: Document) -> Iterator[str]:
    rule, place = charge["rule"], charge["deployment"]
    if rule is None:
        yield "  rule: none matches, so it is unallocated"
    else:
        when = ", ".join(f"{name} = {value}" for name, value in rule["when"].items())
        yield f"  rule {rule['id']}: {when} → {rule['costCentre']}, {rule['effective']}"
    if place is None:
        yield "  deployment: not in the deployment map"
    else:
        what = f"{place['model']} {place['version']}, {place['type']}, {place['region']}"
        yield f"  deployment {place['name']} of {place['account']}: {what}"


def _split(shared: Document, currency: str) -> Iterator[str]:
    yield f"  part of {shared['id']} ({shared['kind']}): {shared['whole']} {currency}, split by {shared['basis']}"
    if shared["source"]:
        yield f"    {shared['name']}; source: {shared['source']}"
    for part in shared["parts"]:
        used = f", used {part['used']} ({shared['measure']})" if part["used"] is not None else ""
        yield f"    {_percent(part['ratio'])}  {part['cost']} {currency}  {part['costCentre']}{used}"
    if not shared["agrees"]:
        yield f"  {_LOUD} the ratios sum to {shared['ratios']}, not to 1"


def _corrected(corrects: Document, currency: str) -> Iterator[str]:
    was = "" if corrects["wasThere"] else " (nothing was billed of it)"
    why = f": {corrects['reason']}" if corrects["reason"] else ""
    yield f"  corrects {corrects['chargeId']} of {corrects['period']}{was}{why}"
    yield f"    quantity {corrects['quantityBefore']} → {corrects['quantityAfter']}"
    before = _cost(corrects["costBefore"], currency)
    yield f"    cost {before} → {corrects['costAfter']} {currency} with this correction"


def _records(charge: Document) -> Iterator[str]:
    for record in charge.get("records", ()):
        hours = ", ".join(f"{hour}h {quantity}" for hour, quantity in record["hours"].items())
        yield f"  record {record['lineId']} of {record['day']} (UTC): {record['quantity']}; {hours}"
        events = record["events"]
        agrees = "as the record says" if events["agrees"] else f"{_LOUD} NOT what the record says"
        yield f"    {_counted(events['count'], 'event')} of the ledger: {events['quantity']}, {agrees}"
        for event in events["first"]:
            yield f"      {event['time']}  {event['quantity']}  {event['source']} {event['id']}"
            yield from (f"        {doubt}" for doubt in event["doubts"])
        if events["count"] > len(events["first"]):
            yield f"      … and {events['count'] - len(events['first'])} more (--limit shows them)"
    for disagreement in charge.get("disagreements", ()):
        yield f"  {_LOUD} {disagreement}"


def _with_others(sums: Document, currency: str) -> str:
    """A sum for each currency: they are never added."""
    others = (f"{cost} {other}" for other, cost in sums["otherCurrencies"].items())
    return " and ".join([f"{sums['cost']} {currency}", *others])


def _cost(cost: str | None, currency: str) -> str:
    return "cost not known" if cost is None else f"{cost} {currency}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _percent(ratio: str) -> str:
    return f"{Decimal(ratio) * 100:.4f} %"
