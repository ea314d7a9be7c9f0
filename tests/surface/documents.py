"""The document that each command prints with `--json`, by its type."""

import msgspec

from chargeback.cli import (
    budget_documents,
    budgets,
    config,
    days,
    events,
    forecast,
    objects,
    periods,
    prices,
    reconcile,
    reports,
    set_aside,
    tokens,
)
from chargeback.services.explaining.explanation import ExplainedShare, ExplainedUsage, Explanation

DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "anomalies": forecast.Anomalies,
    "audit": days.AuditedDays,
    "budgets explain": budget_documents.BudgetExplanation,
    "budgets import": budgets.ImportedEntries,
    "budgets override": budgets.ShownOverride,
    "budgets overrides": budgets.ListedOverrides,
    "budgets replay": budget_documents.ReplayedBudgets,
    "budgets status": budget_documents.ShownBudgets,
    "config apply": config.AppliedConfig,
    "config validate": config.ValidatedConfig,
    "conflicts": events.DifferingEvents,
    "count-tokens": tokens.CountedTokens,
    "explain": Explanation,
    "forecast": forecast.Outlook,
    "ingest": events.IngestedEvents,
    "objects owner": objects.OwnedObjects,
    "objects rebuild": objects.RebuiltIndex,
    "periods close": periods.PeriodAfterClosing,
    "periods correct": periods.FoundCorrections,
    "periods list": periods.ListedPeriods,
    "periods show": periods.ShownPeriod,
    "post": days.PostedDays,
    "prices check": prices.CheckedPrices,
    "prices diff": prices.ComparedPrices,
    "prices propose": prices.ProposedPrices,
    "publish": reports.PublishedPeriod,
    "reconcile": reconcile.ReconciledPeriod,
    "replay": events.ReplayedEvents,
    "set-aside": set_aside.ListedParts,
    "settle": days.SettledStreams,
}
"""Command → what it prints with --json."""

WITHIN: tuple[tuple[str, str, type[msgspec.Struct]], ...] = (
    ("explain", "charge.", ExplainedShare),
    ("explain", "charge.", ExplainedUsage),
)
"""Command, field and type, where what is printed has more fields than the type of the field says."""
