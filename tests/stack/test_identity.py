"""The identity endpoint hands out tokens as App Service does, and anyone can verify them by its key set."""

import json
from urllib.parse import urlencode

import jwt
import pytest
from azure.identity import DefaultAzureCredential

from chargeback.domain.access.app_roles import AppRole
from stack.__main__ import parser
from stack.identity.people import API, PEOPLE
from stack.identity.tokens import FUNCTIONS, TENANT
from stack.processes import StackError
from stack.provision import access_token, call
from stack.stack import Stack

pytestmark = pytest.mark.servers


def test_the_default_credential_gets_a_token_that_the_published_keys_verify(stack: Stack) -> None:
    base = stack.url("identity")
    configuration = json.loads(call(stack.site, "GET", f"{base}/.well-known/openid-configuration"))
    keys = json.loads(call(stack.site, "GET", configuration["jwks_uri"]))

    with DefaultAzureCredential() as credential:
        token = credential.get_token("https://eventgrid.azure.net/.default").token
    key = jwt.PyJWK(keys["keys"][0])
    claims = jwt.decode(token, key, issuer=configuration["issuer"], audience="https://eventgrid.azure.net")

    assert jwt.get_unverified_header(token)["kid"] == keys["keys"][0]["kid"]
    assert claims["tid"] in configuration["issuer"]


def test_without_the_secret_header_there_is_no_token(stack: Stack) -> None:
    query = urlencode({"resource": "https://storage.azure.com", "api-version": "2019-08-01"})

    call(stack.site, "GET", f"{stack.url('identity')}/msi/token?{query}", accept=(401,))


def test_azurite_refuses_a_token_for_another_audience(stack: Stack) -> None:
    token = access_token(stack.site, "https://vault.azure.net")
    headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2025-11-05"}

    with pytest.raises(StackError, match=r"answered 40[13]"):
        call(stack.site, "GET", f"{stack.url('blob')}/ledger?restype=container&comp=list", headers)


def test_any_claims_can_be_minted_for_a_test(stack: Stack) -> None:
    wanted = {"aud": "https://cognitiveservices.azure.com", "oid": "someone", "roles": ["Reader"]}

    answer = json.loads(call(stack.site, "POST", f"{stack.url('identity')}/mint", body=wanted))

    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert wanted.items() <= claims.items()


@pytest.mark.parametrize("who", PEOPLE)
def test_everybody_of_the_tenant_has_a_token_for_the_api_that_the_published_keys_verify(stack: Stack, who: str) -> None:
    base = stack.url("identity")
    described = json.loads(call(stack.site, "GET", f"{base}/{TENANT}/v2.0/.well-known/openid-configuration"))
    key = jwt.PyJWK(json.loads(call(stack.site, "GET", described["jwks_uri"]))["keys"][0])

    claims = jwt.decode(stack.token_of(who), key, issuer=described["issuer"], audience=API)

    assert claims["upn"] == PEOPLE[who].login
    assert claims.get("roles", []) == [role.value for role in PEOPLE[who].roles]
    assert claims["exp"] - claims["iat"] < 2 * 3600


def test_there_is_somebody_for_each_role() -> None:
    assert {role for person in PEOPLE.values() for role in person.roles} == set(AppRole)


def test_whoever_sits_at_the_terminal_signs_in_to_the_api_and_the_stores_know_the_functions(stack: Stack) -> None:
    with stack.signed_in_as("finance"), DefaultAzureCredential() as credential:
        of_api, of_store = (
            jwt.decode(credential.get_token(f"{audience}/.default").token, options={"verify_signature": False})
            for audience in (f"api://{API}", "https://storage.azure.com")
        )

    assert (of_api["name"], of_api["roles"]) == ("Fiona Chen", ["Chargeback.Finance"])
    assert (of_store["appid"], "scp" in of_store) == (FUNCTIONS, False)


def test_an_identity_at_which_nobody_sits_gets_an_applications_own_token(stack: Stack) -> None:
    with stack.signed_in_as(""), DefaultAzureCredential() as credential:
        token = credential.get_token(f"api://{API}/.default").token

    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["idtyp"], claims["appid"], "roles" in claims) == ("app", FUNCTIONS, False)


def test_the_commands_print_a_token_and_sign_somebody_in(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    state = str(stack.site.state)
    for verb in ("token", "sign-in"):
        arguments = parser().parse_args([verb, "--state", state, "--as", "auditor"])
        if verb == "token":
            arguments.state.joinpath("certs").symlink_to(stack.site.signing_key.parent)
        assert arguments.function(arguments) == 0
    printed, exported = capsys.readouterr().out.splitlines()

    claims = jwt.decode(printed, options={"verify_signature": False})
    assert claims["roles"] == ["Chargeback.Auditor"]
    assert exported == f"export IDENTITY_HEADER={stack.site.identity_header}+auditor"
