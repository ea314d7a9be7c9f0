"""The Azure Functions app: settings in, triggers, the HTTP API and the pages out."""

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.functions.start import say_started
from chargeback.functions.triggers import TRIGGERS
from chargeback.process import prepare_process
from chargeback.settings import read_settings
from chargeback.web.late_site import LateSite
from chargeback.web.long_lived import LongLived

prepare_process()
say_started()
container = Container(read_settings())

site = LongLived(LateSite(container))

app = func.AsgiFunctionApp(app=site, http_auth_level=func.AuthLevel.ANONYMOUS, function_name="http_app")
for trigger in TRIGGERS:
    app.register_functions(trigger.blueprint(container))
