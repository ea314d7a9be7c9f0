"""What `reconcile` prints: names from outside, as they are."""

from dataclasses import replace

import pytest

from chargeback.cli.reconcile import _show
from chargeback.domain.invoice.reconciliation import Variance
from chargeback.services.reconciling.reconcile import Reconciled
from tests.support.reconciled_months import reconciled


def named(name: str) -> Reconciled:
    """A reconciled period whose run, model, account and evidence have this name."""
    found = reconciled("110", "100")

    def variance(each: Variance) -> Variance:
        parts = tuple(replace(part, evidence=name) for part in each.parts)
        assert each.sku is not None
        return replace(each, resource=name, sku=each.sku._replace(model=name), parts=parts)

    unknown = {name: found.found.invoiced}
    return replace(
        found,
        found=replace(
            found.found,
            variances=tuple(map(variance, found.found.variances)),
            unmapped_meters=unknown,
            unknown_resources=unknown,
        ),
        invoice=replace(found.invoice, run=replace(found.invoice.run, name=name)),
    )


@pytest.mark.parametrize("name", ["[/x]", "[bold]x", "gpt[0]", "[link=file:///etc/passwd]x[/link]"])
def test_a_name_that_looks_like_markup_is_printed_as_it_is(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")

    _show(named(name))

    printed = capsys.readouterr().out
    for place in (f"export {name}, ", f"retail-meters.yaml: {name}, ", f"deployments.yaml: {name}, "):
        assert place in printed
    (row,) = [line for line in printed.splitlines() if "2026-03-14" in line]
    assert row.count(name) == 3
