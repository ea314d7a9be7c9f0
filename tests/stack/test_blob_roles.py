"""Azurite behind the roles of infra/: an identity does what its roles allow, and the service's refusal tells it so."""

from collections.abc import Iterator

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobBlock, BlobServiceClient, ContainerClient

from stack.stack import Stack

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def guarded(stack: Stack) -> Iterator[Stack]:
    with Stack(services=["blobRoles"], beside=stack) as servers:
        yield servers


@pytest.fixture
def ledger(guarded: Stack, stack: Stack) -> Iterator[ContainerClient]:
    yield from container(guarded, stack, "ledger")


def container(guarded: Stack, stack: Stack, name: str) -> Iterator[ContainerClient]:
    bundle = str(stack.site.certificates.bundle)
    with (
        DefaultAzureCredential() as credential,
        BlobServiceClient(
            guarded.env["CHARGEBACK_STORAGE_ACCOUNT_URL"], credential, connection_verify=bundle
        ) as service,
    ):
        yield service.get_container_client(name)


def test_the_functions_append_to_the_ledger_and_read_it(ledger: ContainerClient) -> None:
    blob = ledger.get_blob_client("2026-11-01/roles")

    blob.create_append_blob(match_condition=MatchConditions.IfMissing)
    blob.append_block(b"one\n")

    assert blob.download_blob().readall() == b"one\n"
    assert "2026-11-01/roles" in list(ledger.list_blob_names(name_starts_with="2026-11-01/"))


def test_the_functions_neither_overwrite_nor_delete_what_is_in_the_ledger(ledger: ContainerClient) -> None:
    blob = ledger.get_blob_client("2026-11-01/kept")
    blob.create_append_blob(match_condition=MatchConditions.IfMissing)

    for change in (blob.create_append_blob, blob.delete_blob, lambda: blob.upload_blob(b"", overwrite=True)):
        with pytest.raises(HttpResponseError) as caught:
            change()
        assert caught.value.status_code == 403
        assert caught.value.error_code == "AuthorizationPermissionMismatch"
    with pytest.raises(ResourceExistsError):
        blob.create_append_blob(match_condition=MatchConditions.IfMissing)


def test_finance_reads_what_is_closed_and_changes_nothing(guarded: Stack, stack: Stack) -> None:
    with guarded.acting_as("finance"):
        for closed in container(guarded, stack, "closed"):
            assert "roles/manifest.json" not in list(closed.list_blob_names())
            with pytest.raises(HttpResponseError):
                closed.upload_blob("roles/manifest.json", b"{}")


def test_a_closed_file_is_made_once_and_takes_no_further_block(guarded: Stack, stack: Stack) -> None:
    for closed in container(guarded, stack, "closed"):
        blob = closed.get_blob_client("roles/once.csv")
        blob.stage_block("MQ==", b"1")
        blob.stage_block("Mg==", b"2")
        blob.commit_block_list([BlobBlock("MQ=="), BlobBlock("Mg==")])

        for change, given in (
            (blob.stage_block, ("Mw==", b"3")),
            (blob.commit_block_list, ([],)),
            (blob.set_blob_metadata, ({"a": "b"},)),
        ):
            with pytest.raises(HttpResponseError) as caught:
                change(*given)
            assert (caught.value.status_code, caught.value.error_code) == (409, "BlobImmutableDueToPolicy")
        assert blob.download_blob().readall() == b"12"
