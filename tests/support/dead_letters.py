"""Dead letters in the local storage, as Event Grid leaves them."""

from azure.storage.blob import BlobServiceClient

from stack.stack import Stack


def put_dead_letters(stack: Stack, name: str, body: bytes) -> None:
    """Leave a batch of events that could not be delivered."""
    storage = stack.env["AzureWebJobsStorage"]
    with BlobServiceClient.from_connection_string(storage, api_version="2025-11-05") as service:
        service.get_blob_client("dead-letter", name).upload_blob(body)
