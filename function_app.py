"""The Azure Functions app: settings in, triggers and the HTTP API out."""

import azure.functions as func

from chargeback.api.app import http_api
from chargeback.bootstrap import Container
from chargeback.functions import (
    apply_config,
    audit_ledger,
    close_periods,
    decide_budgets,
    forecast_spend,
    ingest_usage,
    post_usage,
    publish_reports,
    reconcile_invoice,
    settle_streams,
)
from chargeback.functions.start import say_started
from chargeback.process import prepare_process
from chargeback.settings import read_settings

prepare_process()
say_started()
container = Container(read_settings())

app = func.AsgiFunctionApp(app=http_api(container), http_auth_level=func.AuthLevel.ANONYMOUS, function_name="http_app")
for trigger in (
    ingest_usage,
    post_usage,
    settle_streams,
    audit_ledger,
    publish_reports,
    close_periods,
    forecast_spend,
    reconcile_invoice,
    apply_config,
    decide_budgets,
):
    app.register_functions(trigger.blueprint(container))
