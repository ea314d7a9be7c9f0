"""Makes the registration in Entra that people sign in to, or brings it up to date; it may run again at any time.

    scripts/register-app [--name NAME] [--pages URL --identity PRINCIPAL_ID] [--assign ROLE=OBJECT_ID …] [--dry-run]

It prints what it changes, and the client id that the deployment needs as API_CLIENT_ID. docs/access.md explains it.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from chargeback.domain.access.app_roles import AppRole
from scripts.registration.desired import Wanted, changes, merged, redirect_faults, role_id
from scripts.registration.graph import GRAPH, AzureRefused, Graph, az_token
from scripts.registration.trust import trust_change, trusted

PROGRAM = "scripts/register-app"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,120}")


def _guid(text: str) -> str:
    if not _GUID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an object id or client id")
    return text.lower()


def _assignment(text: str) -> tuple[AppRole, str]:
    name, _, holder = text.partition("=")
    roles = {role.value.rpartition(".")[2].lower(): role for role in AppRole}
    if name.lower() not in roles:
        raise argparse.ArgumentTypeError(f"{text!r} is not ROLE=OBJECT_ID with ROLE one of {', '.join(roles)}")
    return roles[name.lower()], _guid(holder)


def _redirect_uri(text: str) -> str:
    if faults := list(redirect_faults([text])):
        raise argparse.ArgumentTypeError("; ".join(faults))
    return text


def _pages(text: str) -> str:
    parts = urlsplit(text)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is not a host alone, such as https://costs.example.com")
    return _redirect_uri(f"{text.rstrip('/')}/signed-in")


def _unique_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not up to 120 letters, digits, - and _")
    return text


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(
        prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    line.add_argument(
        "--name", type=_unique_name, default="chargeback", help="unique name in the directory, one a deployment"
    )
    line.add_argument("--pages", type=_pages, metavar="URL", help="people sign in to the pages there")
    line.add_argument(
        "--identity", type=_guid, metavar="PRINCIPAL_ID", help="the app's managed identity, which signs them in"
    )
    line.add_argument("--redirect-uri", type=_redirect_uri, action="append", default=[], metavar="URI")
    line.add_argument(
        "--client", type=_guid, action="append", default=[], metavar="APP_ID", help="may ask in a person's name, as az"
    )
    line.add_argument(
        "--assign",
        type=_assignment,
        action="append",
        default=[],
        metavar="ROLE=OBJECT_ID",
        help="give a person, a group or a service principal a role; finance=… for example",
    )
    line.add_argument(
        "--all-groups", action="store_true", help="tokens name every security group, not only those with a role here"
    )
    line.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    line.add_argument("--graph", default=GRAPH, help="Microsoft Graph of another cloud")
    return line


def register(graph: Graph, given: argparse.Namespace) -> str:
    """Bring the registration up to date; its client id, empty where a dry run would make it first."""
    pages = (given.pages,) if given.pages else ()
    wanted = Wanted((*given.redirect_uri, *pages), tuple(given.client), given.all_groups, signs_in=bool(pages))
    application = graph.application(given.name)
    if application is None:
        print(f"application {given.name}: does not exist yet{': would be made' if given.dry_run else ''}")
        if given.dry_run:
            return ""
        application = graph.create_application(given.name, "Chargeback for Azure OpenAI")
    app_id = str(application["appId"])
    for change in changes(application, wanted):
        print(f"application {given.name}: {_told(application, change)}")
        if not given.dry_run:
            graph.patch_application(str(application["id"]), change)
        application = merged(application, change)
    _assign(graph, application, given)
    return app_id


def _assign(graph: Graph, application: Mapping[str, Any], given: argparse.Namespace) -> None:
    principal = graph.service_principal(str(application["appId"]))
    if principal is None:
        print("service principal: is made, so that people of the tenant can sign in")
        if given.dry_run:
            return
        principal = graph.create_service_principal(str(application["appId"]))
    if given.identity:
        _trust(graph, application, str(principal["appOwnerOrganizationId"]), given)
    resource = str(principal["id"])
    if not given.assign:
        return
    held = {(each["principalId"], each["appRoleId"]) for each in graph.assignments(resource)}
    for role, holder in given.assign:
        identity = role_id(application, role.value)
        if (holder, identity) not in held:
            print(f"{role.value}: given to {holder}")
            if not given.dry_run:
                graph.assign(resource, identity, holder)


def _trust(graph: Graph, application: Mapping[str, Any], tenant: str, given: argparse.Namespace) -> None:
    known = graph.federated_credentials(str(application["id"]))
    change = trust_change(known, trusted(graph.url, tenant, given.identity))
    if change is None:
        return
    print(f"federated credential: the identity {given.identity} is trusted to sign people in")
    if not given.dry_run:
        graph.set_federated_credential(str(application["id"]), change.id, change.body)


def _told(application: Mapping[str, Any], change: Mapping[str, Any]) -> str:
    names = [name for name in change if application.get(name) != change[name]]
    return "; ".join(f"{name} := {json.dumps(change[name], ensure_ascii=False)[:400]}" for name in names)


def main(words: list[str], graph: Graph | None = None) -> int:
    """Register, and say what to do next."""
    given = parser().parse_args(words)
    from azure_rest import Azure

    try:
        app_id = register(graph or Graph(Azure(token=az_token), given.graph), given)
    except AzureRefused as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    if app_id:
        print(f"API_CLIENT_ID={app_id}")
        print(f"Next: azd env set API_CLIENT_ID {app_id}, then azd provision; docs/access.md says how to give roles.")
        if not given.pages:
            identity = "$(azd env get-value FUNCTIONS_PRINCIPAL_ID)"
            print("After that, so that people can sign in to the pages:")
            print(f"  {PROGRAM} --pages https://$(azd env get-value FUNCTION_APP_HOST) --identity {identity}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
