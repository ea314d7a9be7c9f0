"""Every trigger of the app in addition to HTTP."""

from chargeback.functions import (
    anchor_audit_log,
    apply_config,
    audit_ledger,
    close_periods,
    decide_budgets,
    deliver_alert,
    forecast_spend,
    ingest_usage,
    post_usage,
    publish_reports,
    reconcile_invoice,
    run_operations,
    settle_streams,
    tell_alerts,
    view_costs,
)

TRIGGERS = (
    ingest_usage,
    post_usage,
    settle_streams,
    audit_ledger,
    publish_reports,
    close_periods,
    forecast_spend,
    reconcile_invoice,
    anchor_audit_log,
    apply_config,
    decide_budgets,
    deliver_alert,
    tell_alerts,
    run_operations,
    view_costs,
)
