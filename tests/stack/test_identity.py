"""The identity endpoint hands out tokens as App Service does, and anyone can verify them by its key set."""

import json
from urllib.parse import urlencode

import jwt
import pytest
from azure.identity import DefaultAzureCredential

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
