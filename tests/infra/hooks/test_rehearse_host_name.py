"""A rehearsal takes production's second step: a certificate in the vault, the host name, and an answer on it."""

import base64
import datetime
import json
import os
import ssl
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import rehearse_host_name
from azure_rest import AzureRefused
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from rehearse_host_name import Certificate, answer, ensure_certificate, main, regions

from tests.infra.hooks.conftest import Answer, Asked, LocalAzure

HOST = "ai.rehearsal.example"
SERVICE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ApiManagement/service/apim"
NOT_THERE: Answer = (404, {"error": {"code": "CertificateNotFound", "message": "no"}})


def self_signed(host: str) -> tuple[bytes, bytes]:
    """Certificate and key as Key Vault makes them: no authority, and a key that may sign no other certificate."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    signs_no_other = x509.KeyUsage(True, False, True, False, False, False, False, False, False)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(signs_no_other, critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.DER), key.private_bytes(*form)


class Gateway(BaseHTTPRequestHandler):
    """Answers its status, as API Management does, to its own names alone."""

    def do_GET(self) -> None:
        known = self.headers["Host"] == HOST and self.path == rehearse_host_name.STATUS
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def certificate() -> tuple[bytes, bytes]:
    return self_signed(HOST)


@pytest.fixture
def gateway(certificate: tuple[bytes, bytes], tmp_path: Path) -> Iterator[str]:
    """The address of a region that shows the certificate."""
    public, key = certificate
    (tmp_path / "server.pem").write_text(ssl.DER_cert_to_PEM_cert(public) + key.decode())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Vault:
    """Key Vault's certificates: made after a while, then there with policy and public part."""

    def __init__(self, azure: LocalAzure, public: bytes) -> None:
        self.public, self.policy, self.looks = public, dict[str, Any](), 0
        at = f"/certificates/{rehearse_host_name.NAME}"
        azure.on_any("GET", at, lambda _: self.there())
        azure.on_any("GET", f"{at}/pending", lambda _: self.pending())
        azure.on_any("POST", f"{at}/create", self.create)

    def there(self) -> Answer:
        if not self.policy:
            return NOT_THERE
        return 200, {"cer": base64.b64encode(self.public).decode(), "policy": self.policy}

    def create(self, asked: Asked) -> Answer:
        self.policy = asked.json["policy"]
        return 202, {"status": "inProgress"}

    def pending(self) -> Answer:
        self.looks += 1
        return 200, {"status": "inProgress" if self.looks < 3 else "completed"}


@pytest.fixture
def vault(azure: LocalAzure, certificate: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch) -> Vault:
    monkeypatch.setattr("time.sleep", lambda _: None)
    return Vault(azure, certificate[0])


def test_key_vault_makes_the_certificate_once_by_itself(azure: LocalAzure, vault: Vault) -> None:
    first, again = (ensure_certificate(azure.client(), azure.url, HOST) for _ in range(2))

    (made,) = azure.requests("POST")
    assert first == again == Certificate(f"{azure.url}/secrets/rehearsal", vault.public)
    assert made.json["policy"]["issuer"] == {"name": "Self"}
    assert made.json["policy"]["x509_props"]["sans"] == {"dns_names": [HOST]}
    assert made.json["policy"]["secret_props"] == {"contentType": "application/x-pkcs12"}
    assert made.json["policy"]["key_props"]["exportable"] is True  # the gateway reads it with its key


def test_another_host_name_gets_another_version(azure: LocalAzure, vault: Vault) -> None:
    ensure_certificate(azure.client(), azure.url, "old.rehearsal.example")

    ensure_certificate(azure.client(), azure.url, HOST)

    assert [made.json["policy"]["x509_props"]["subject"] for made in azure.requests("POST")] == [
        "CN=old.rehearsal.example",
        f"CN={HOST}",
    ]


def test_the_right_to_make_it_is_waited_for(azure: LocalAzure, vault: Vault) -> None:
    answers = iter([(403, None), (403, None)])
    azure.on_any("GET", "/certificates/rehearsal", lambda _: next(answers, vault.there()))

    assert ensure_certificate(azure.client(), azure.url, HOST).public == vault.public


def test_a_certificate_that_is_not_made_says_why(azure: LocalAzure, vault: Vault) -> None:
    why = {"status": "failed", "error": {"code": "BadParameter"}}
    azure.on_any("GET", "/certificates/rehearsal/pending", lambda _: (200, why))

    with pytest.raises(AzureRefused, match=r"did not make the certificate: .*BadParameter"):
        ensure_certificate(azure.client(), azure.url, HOST)


def test_every_region_of_a_service_is_asked(azure: LocalAzure) -> None:
    places = {"additionalLocations": [{"gatewayRegionalUrl": "https://two"}], "gatewayRegionalUrl": "https://one"}
    azure.on("GET", SERVICE, (200, {"properties": places}), (200, {"properties": {"gatewayUrl": "https://only"}}))

    assert [regions(azure.client(), SERVICE) for _ in range(2)] == [["https://one", "https://two"], ["https://only"]]


def test_a_region_answers_under_the_name_with_this_certificate(gateway: str, certificate: tuple[bytes, bytes]) -> None:
    assert answer(gateway, HOST, Certificate("", certificate[0])) == 200


@pytest.mark.parametrize("other", [HOST, "other.example"])
def test_another_certificate_is_not_believed(gateway: str, other: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        answer(gateway, other, Certificate("", self_signed(other)[0]))


def test_the_right_certificate_is_not_believed_for_another_name(gateway: str, certificate: tuple[bytes, bytes]) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.example"):
        answer(gateway, "other.example", Certificate("", certificate[0]))


@pytest.fixture
def azd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An azd that keeps what it was told; its environment is of an own folder, and fails to provision on demand."""
    told, program = tmp_path / "told", tmp_path / "bin/azd"
    program.parent.mkdir()
    values = {
        "GATEWAY_NAME": "apim",
        "GATEWAY_NAMES": "apim",
        "GATEWAY_VAULT_NAME": "kvtls",
        "AZURE_RESOURCE_GROUP": "rg",
    }
    program.write_text(
        f"#!/bin/sh\nif [ \"$2\" = get-values ]; then echo '{json.dumps(values)}'; exit; fi\n"
        f'echo "$@ host=$GATEWAY_HOST_NAME" >> "{told}"\n[ "$1" != "$FAILING" ]\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    before = dict(os.environ)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    yield told
    os.environ.clear()  # of what main took from azd
    os.environ.update(before)


@pytest.fixture
def rehearsal(azure: LocalAzure, vault: Vault, gateway: str, azd: Path, monkeypatch: pytest.MonkeyPatch) -> LocalAzure:
    azure.on("GET", SERVICE, (200, {"properties": {"gatewayRegionalUrl": gateway}}))
    for name, value in {
        "CHARGEBACK_PROFILE": "rehearsal",
        "AZURE_SUBSCRIPTION_ID": "s",
        "REHEARSAL_HOST_NAME": HOST,
        "GATEWAY_HOST_NAME": "",
    }.items():
        monkeypatch.setenv(name, value)
    return azure


def test_a_rehearsal_provisions_again_with_the_name_and_finds_it_answered(
    rehearsal: LocalAzure, azd: Path, gateway: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(rehearsal.client(), rehearsal.url)

    assert code == 0
    assert azd.read_text().splitlines() == [
        f"env set GATEWAY_HOST_NAME {HOST} host=",
        f"env set GATEWAY_CERTIFICATE_URL {rehearsal.url}/secrets/rehearsal host=",
        "env set SMOKE_GATEWAY_URL https://apim.azure-api.net host=",
        f"provision --no-prompt host={HOST}",
    ]
    assert f"{gateway} answers as {HOST}" in capsys.readouterr().out


def test_without_a_name_nothing_is_rehearsed_and_it_is_said(
    rehearsal: LocalAzure, azd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REHEARSAL_HOST_NAME", "")

    assert main(rehearsal.client()) == 0
    assert "REHEARSAL_HOST_NAME is not set, so the host name" in capsys.readouterr().out
    assert rehearsal.asked == []
    assert not azd.exists()


def test_production_never_gets_a_certificate_that_nobody_trusts(
    rehearsal: LocalAzure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHARGEBACK_PROFILE", "production")

    assert main(rehearsal.client()) == 1
    assert "this is not a rehearsal" in capsys.readouterr().err
    assert rehearsal.asked == []


def test_a_deployment_that_fails_ends_the_rehearsal(
    rehearsal: LocalAzure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAILING", "provision")

    assert main(rehearsal.client(), rehearsal.url) == 1
    assert "azd provision --no-prompt failed" in capsys.readouterr().err


def test_a_gateway_that_shows_another_certificate_fails_the_rehearsal(
    rehearsal: LocalAzure,
    vault: Vault,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(rehearse_host_name.run, "__defaults__", (0.2,))
    vault.public = self_signed(HOST)[0]

    assert main(rehearsal.client(), rehearsal.url) == 1
    assert f"does not answer as {HOST}: [SSL: CERTIFICATE_VERIFY_FAILED]" in capsys.readouterr().err
