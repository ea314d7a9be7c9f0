"""The document that each command prints with `--json`, by its type."""

import msgspec

from chargeback.cli import (
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
from chargeback.services.explaining.explanation import Explanation

DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "anomalies": forecast.Anomalies,
    "audit": days.AuditedDays,
    "config apply": config.Applied,
    "config validate": config.Validated,
    "conflicts": events.Conflicts,
    "count-tokens": tokens.TokenCount,
    "explain": Explanation,
    "forecast": forecast.Outlook,
    "ingest": events.Taken,
    "objects owner": objects.Owners,
    "objects rebuild": objects.Rebuilt,
    "periods close": periods.Closed,
    "periods correct": periods.Corrected,
    "periods list": periods.Periods,
    "periods show": periods.Shown,
    "post": days.PostedDays,
    "prices check": prices.Checked,
    "prices diff": prices.Compared,
    "prices propose": prices.Proposed,
    "publish": reports.Published,
    "reconcile": reconcile.Reconciliation,
    "replay": events.Replayed,
    "set-aside": set_aside.SetAside,
    "settle": days.Settled,
}
"""Command → what it prints with --json."""
