"""The Azure Functions app: settings in, triggers and the HTTP API out."""

import azure.functions as func

from chargeback.api.late_api import LateApi
from chargeback.bootstrap import Container
from chargeback.functions.start import say_started
from chargeback.functions.triggers import TRIGGERS
from chargeback.process import prepare_process
from chargeback.settings import read_settings

prepare_process()
say_started()
container = Container(read_settings())

app = func.AsgiFunctionApp(app=LateApi(container), http_auth_level=func.AuthLevel.ANONYMOUS, function_name="http_app")
for trigger in TRIGGERS:
    app.register_functions(trigger.blueprint(container))
