"""The FinOps Foundation's validator accepts our FOCUS file, refuses a broken one, and overlooks what our checks see."""

import csv
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.domain.errors import InconsistentFile
from chargeback.services.focus.check_focus import check_file
from chargeback.services.focus.write_focus import write_focus
from scripts.focus_validator import Verdict, main, validate
from tests.support.period_tables import framed, period_tables, row
from tests.support.rows_of_every_kind import correction, costs, every_kind, shared, written

Rows = list[dict[str, str]]


VERSIONS = ("1.2", "1.3")


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A month with usage, cached input, calls, a correction, shared costs and a true-up, by version."""
    folder = tmp_path_factory.mktemp("month")
    fee = shared("1", meter="fee", shared_cost="gateway", price_id="gateway")
    true_up = shared("1", meter="true-up", shared_cost="invoice", price_id="invoice")
    hours = {"origin_unit_price": Decimal(1), "origin_quantity": Decimal(1000), "origin_unit": "PTU-hours"}
    used = {"allocation_measure": "tokens", "allocated_use_of_all": Decimal(4000), "meter": "provisioned"}
    name = {"shared_cost": "ptu-west", "price_id": "ptu-west"}
    capacity = [
        shared("0.25", cost_centre="product", allocated_use=Decimal(1000), **hours, **used, **name),
        shared("0.75", cost_centre="unallocated", allocated_use=Decimal(3000), **hours, **used, **name),
    ]
    files = written(write_focus, period_tables(folder, [*every_kind(), fee, true_up, *capacity]))
    found = {version: folder / f"focus-{version}.csv" for version in VERSIONS}
    for version, path in found.items():
        path.write_bytes(files[f"focus-{version}-2026-03.csv"])
    return found


@pytest.fixture
def file(month: dict[str, Path]) -> Path:
    """The file with the most columns."""
    return month["1.3"]


@pytest.fixture
def rows(file: Path) -> Iterator[Rows]:
    with file.open(encoding="utf-8", newline="") as content:
        yield list(csv.DictReader(content))


def saved(folder: Path, rows: Rows) -> Path:
    path = folder / "changed.csv"
    with path.open("w", encoding="utf-8", newline="") as content:
        writer = csv.DictWriter(content, list(rows[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def usage(rows: Rows) -> dict[str, str]:
    return next(each for each in rows if each["SkuMeter"] == "Input Tokens" and not each["ChargeClass"])


def accepted(verdict: Verdict) -> bool:
    return not verdict.failed and len(verdict.passed) > 290


@pytest.mark.parametrize("version", VERSIONS)
def test_the_validator_accepts_a_month_of_every_kind(validator: None, month: dict[str, Path], version: str) -> None:
    verdict = validate(month[version])

    assert verdict.failed == {}
    assert len(verdict.passed) > 290, "the rules of all our columns were looked at"


def test_the_validator_accepts_a_closed_month_in_another_currency(validator: None, tmp_path: Path) -> None:
    rate = {"exchange_rate": Decimal("0.92"), "exchange_rate_date": "2026-03-13", "exchange_rate_source": "ECB"}
    # The second correction is of a month that was kept in US dollars.
    rows = [row(**rate, currency="EUR", **costs("2.30")), correction(**rate, currency="EUR"), correction()]
    period = framed(period_tables(tmp_path, rows), currency="EUR", is_closed=True)
    path = tmp_path / "focus.csv"
    path.write_bytes(written(write_focus, period)["focus-1.2-2026-03.csv"])

    verdict = validate(path)

    assert verdict.failed == {}


def test_the_validator_refuses_what_is_not_focus(validator: None, rows: Rows, tmp_path: Path) -> None:
    spoilt = {"ServiceCategory": "Tokens", "BillingCurrency": "usd", "Tags": "{app: search}", "ListCost": "free"}
    for each in rows:
        each.update(spoilt)

    verdict = validate(saved(tmp_path, rows))

    assert {rule.partition("-")[0] for rule in verdict.failed} >= set(spoilt)


def wrong_product(rows: Rows) -> str:
    usage(rows)["ListCost"] = "99.0"
    return "ListCost is ListUnitPrice times PricingQuantity"


def backwards(rows: Rows) -> str:
    each = usage(rows)
    each["ChargePeriodStart"], each["ChargePeriodEnd"] = each["ChargePeriodEnd"], each["ChargePeriodStart"]
    return "a charge ends after it starts"


def unknown_category(rows: Rows) -> str:
    usage(rows)["ChargeCategory"] = "Tokens"
    usage(rows)["ConsumedQuantity"] = usage(rows)["ConsumedUnit"] = ""
    return "a charge has a category, class and frequency of FOCUS"


def doubled(rows: Rows) -> str:
    rows.extend([dict(each) for each in rows])
    return "each charge occurs once"


SPOILERS = (wrong_product, backwards, unknown_category, doubled)


def test_the_validator_overlooks_what_our_checks_are_for(validator: None, rows: Rows, tmp_path: Path) -> None:
    for spoil in SPOILERS:
        spoil(rows)

    assert accepted(validate(saved(tmp_path, rows)))


@pytest.mark.parametrize("spoil", SPOILERS)
def test_our_checks_see_what_the_validator_overlooks(rows: Rows, tmp_path: Path, spoil: Callable[[Rows], str]) -> None:
    rule = spoil(rows)

    with pytest.raises(InconsistentFile, match=rule):
        check_file(saved(tmp_path, rows))


def test_our_checks_accept_the_files_as_they_were_written(rows: Rows, month: dict[str, Path], tmp_path: Path) -> None:
    for file in month.values():
        check_file(file)
    check_file(saved(tmp_path, rows))


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("BilledCost", "", "every cost is known"),
        ("ChargePeriodEnd", "2026-04-02T00:00:00Z", "a charge lies within its billing period"),
        ("ListUnitPrice", "", "usage has its prices"),
        ("ContractedCost", "2.500000000000000001", "ContractedCost is ContractedUnitPrice times PricingQuantity"),
        ("BilledCost", "3.0", "BilledCost is ContractedCost but for its rounding"),
        ("InvoiceIssuerName", "Microsoft", "the internal service is provider, publisher and issuer"),
        ("ServiceProviderName", "Microsoft", "the internal service is provider, publisher and issuer"),
        ("AllocatedResourceId", "product", "only a part of a shared cost is allocated"),
        ("Tags", '{"application": "search"}', "the keys of Tags have the prefix of the service"),
        ("SkuPriceDetails", '{"Meter": "input"}', "the keys of SkuPriceDetails begin with x_"),
        ("EffectiveCost", "2.4", "EffectiveCost is BilledCost"),
        ("ConsumedQuantity", "1000.0", "PricingQuantity is ConsumedQuantity in pricing units"),
        ("ChargeClass", "Correction", "a correction is of an earlier period"),
    ],
)
def test_a_row_that_breaks_a_rule_is_named_with_the_rule(
    rows: Rows, tmp_path: Path, column: str, value: str, rule: str
) -> None:
    broken = usage(rows)
    broken[column] = value

    with pytest.raises(InconsistentFile, match=rule) as raised:
        check_file(saved(tmp_path, rows))

    assert broken["x_ChargeId"] in str(raised.value)


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("AllocatedResourceId", "", "a part names what it is allocated to"),
        ("SubAccountId", "unallocated", "a part names what it is allocated to, unless it is unallocated"),
        ("AllocatedTags", '{"chargeback/shared_cost": "x"}', "AllocatedTags repeats no key of Tags"),
        ("AllocatedMethodDetails", '{"Elements": [{"AllocatedRatio": 0.25, "UsageQuantity": 1}]}', "has its unit"),
        ("AllocatedMethodDetails", '{"Elements": [{"AllocatedRatio": 0.5}]}', "the parts of ptu-west .* sum to"),
        ("x_HostListUnitPrice", "2.0", "the parts of a shared cost have the price"),
        ("ResourceId", "another", "the parts of a shared cost have the price, the resource and the tags of the whole"),
        ("ListUnitPrice", "0.5", "ListCost is ListUnitPrice times PricingQuantity"),
    ],
)
def test_a_part_that_breaks_a_rule_of_the_later_version_is_refused(
    rows: Rows, tmp_path: Path, column: str, value: str, rule: str
) -> None:
    part = next(each for each in rows if each["x_SharedCostId"] == "ptu-west" and each["SubAccountId"] == "product")
    part[column] = value

    with pytest.raises(InconsistentFile, match=rule):
        check_file(saved(tmp_path, rows))


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("SkuId", "another/input_tokens", "SkuPriceId has one SkuId"),
        ("SkuMeter", "Output Tokens", "SkuId has one SkuMeter"),
        ("BillingAccountId", "another", "InvoiceId has one BillingAccountId"),
    ],
)
def test_rows_that_contradict_each_other_are_refused(
    rows: Rows, tmp_path: Path, column: str, value: str, rule: str
) -> None:
    twin = dict(usage(rows), Tags='{"chargeback/application": "other"}', InvoiceId="chargeback-2026-03")
    rows.append(twin | {column: value})
    usage(rows)["InvoiceId"] = "chargeback-2026-03"

    with pytest.raises(InconsistentFile, match=rule):
        check_file(saved(tmp_path, rows))


def test_a_correction_without_its_link_is_refused(rows: Rows, tmp_path: Path) -> None:
    next(each for each in rows if each["ChargeClass"])["x_CorrectsChargeId"] = ""

    with pytest.raises(InconsistentFile, match="names the period and the charge that it corrects"):
        check_file(saved(tmp_path, rows))


def test_a_file_that_is_no_focus_file_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("a,b\r\n1,2\r\n")

    with pytest.raises(InconsistentFile, match=r"notes\.csv: its columns are those of no FOCUS file: 1\.2, 1\.3"):
        check_file(path)


def test_the_command_ends_with_a_failure_where_only_our_checks_fail(
    validator: None, rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubled(rows)
    monkeypatch.setattr("sys.argv", ["validate-focus", str(saved(tmp_path, rows))])

    with pytest.raises(SystemExit, match="each charge occurs once"):
        main()
