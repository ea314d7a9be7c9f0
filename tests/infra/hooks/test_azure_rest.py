"""The client of the hooks: tokens from azd, patience with passing faults, and errors that say what and where."""

from pathlib import Path

import pytest
from azure_rest import Azure, AzureRefused, azd_token

from tests.infra.hooks.conftest import LocalAzure


def azd_that(does: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "azd"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_token_is_the_one_that_azd_gives_for_the_scope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    azd_that('echo "{\\"token\\": \\"of-$4\\", \\"expiresOn\\": \\"soon\\"}"', tmp_path, monkeypatch)

    assert azd_token("https://vault.azure.net/.default") == "of-https://vault.azure.net/.default"


def test_who_is_not_signed_in_is_told_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    azd_that("echo 'not logged in' >&2; exit 1", tmp_path, monkeypatch)

    with pytest.raises(AzureRefused, match=r"run 'azd auth login' \(not logged in"):
        azd_token("scope")


def test_who_is_not_signed_in_does_not_wait_for_a_role(
    azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    azd_that("echo 'not logged in' >&2; exit 1", tmp_path, monkeypatch)
    client = Azure(arm=azure.url)
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("no time makes this good"))

    with pytest.raises(AzureRefused, match="azd auth login"):
        client.once_roles_hold(lambda: client.manage("GET", "/any", "1"), "which role?")


def test_a_missing_azd_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(AzureRefused, match="azd is not on the PATH"):
        azd_token("scope")


def test_a_passing_fault_is_waited_out_and_a_lasting_one_is_reported(azure: LocalAzure) -> None:
    azure.on("GET", "/passing", (503, None), (429, None), (200, {"found": True}))
    azure.on("GET", "/lasting", (503, {"error": {"code": "Busy", "message": "try later"}}))

    found = azure.client().manage("GET", "/passing", "1")

    with pytest.raises(AzureRefused, match="503 Busy: try later"):
        azure.client().manage("GET", "/lasting", "1")
    assert found == {"found": True}
    assert len(azure.asked) == 6


def test_a_refusal_is_not_repeated_and_hides_what_the_query_holds(azure: LocalAzure) -> None:
    azure.on("GET", "/secret", (400, {"error": {"code": "Bad", "message": "no"}}))

    with pytest.raises(AzureRefused) as error:
        azure.client().send("GET", f"{azure.url}/secret?code=the-key")

    assert "the-key" not in str(error.value)
    assert len(azure.asked) == 1


def test_a_token_that_runs_out_in_the_middle_of_a_wait_is_replaced(azure: LocalAzure) -> None:
    given = iter(["first", "second", "third"])
    client = Azure(token=lambda _: next(given), arm=azure.url, pause=0.001)
    pending, expired = (200, {"done": False}), (401, {"error": {"code": "ExpiredAuthenticationToken", "message": ""}})
    azure.on("GET", "/work", pending, expired, pending, (200, {"done": True}))

    client.wait("the work", lambda: client.manage("GET", "/work", "1")["done"], 5, every=0.01)

    bearers = [asked.headers["authorization"] for asked in azure.asked]
    assert bearers == ["Bearer first", "Bearer first", "Bearer second", "Bearer second"]


def test_a_token_that_is_new_and_refused_is_not_asked_for_again(azure: LocalAzure) -> None:
    azure.on("GET", "/work", (401, {"error": {"code": "InvalidAuthenticationToken", "message": ""}}))

    with pytest.raises(AzureRefused, match="401 InvalidAuthenticationToken"):
        azure.client().manage("GET", "/work", "1")
    assert len(azure.asked) == 1


def test_a_place_that_nobody_listens_at_is_reported(azure: LocalAzure) -> None:
    client = azure.client()

    with pytest.raises(AzureRefused, match=r"GET http://127\.0\.0\.1:9/nowhere"):
        client.send("GET", "http://127.0.0.1:9/nowhere")
