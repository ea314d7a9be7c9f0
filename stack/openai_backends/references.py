"""Refuses a Responses call that refers to objects which are not on its account."""

import base64
from collections.abc import Iterator
from typing import Any

from stack.openai_backends.account import Account
from stack.openai_backends.refusals import (
    Refused,
    item_unknown,
    not_decrypted,
    not_found,
    previous_response_unknown,
)

_ENCRYPTED = "gAAAAA"


def encrypted_reasoning(account: Account, item: str) -> str:
    """The content of a reasoning item that only this account can read again."""
    return _ENCRYPTED + base64.urlsafe_b64encode(f"{account.name}|{item}".encode()).decode()


def judge_references(account: Account, document: dict[str, Any]) -> None:
    """Refuse a call that names what this account does not have."""
    previous = document.get("previous_response_id")
    if previous and account.response(previous) is None:
        raise previous_response_unknown(previous)
    conversation = _identifier(document.get("conversation"))
    if conversation and conversation not in account.objects:
        raise not_found("Conversation", conversation)
    for item in _items(document.get("input")):
        _judge_item(account, item)
    for tool in document.get("tools") or []:
        _judge_tool(account, tool)


def _judge_item(account: Account, item: dict[str, Any]) -> None:
    name, encrypted = str(item.get("id", "")), item.get("encrypted_content")
    if item.get("type") == "item_reference" and name not in account.items:
        raise item_unknown(name)
    if item.get("type") == "reasoning":
        if encrypted and not _is_own(account, encrypted):
            raise not_decrypted(encrypted)
        if not encrypted and name not in account.items:
            raise item_unknown(name)
    for part in _items(item.get("content")):
        file = part.get("file_id")
        if file and file not in account.files:
            raise not_found("File", file)


def _judge_tool(account: Account, tool: dict[str, Any]) -> None:
    for name in tool.get("vector_store_ids") or []:
        if name not in account.objects:
            raise Refused(404, "not_found", f"Vector store with id ['{name}'] not found.", type="invalid_request_error")
    container = tool.get("container")
    if isinstance(container, str) and container not in account.objects:
        raise not_found("Container", container)
    for name in container.get("file_ids") or [] if isinstance(container, dict) else []:
        if name not in account.files:
            raise not_found("File", name)


def _is_own(account: Account, encrypted: str) -> bool:
    try:
        text = base64.urlsafe_b64decode(encrypted.removeprefix(_ENCRYPTED)).decode()
    except ValueError:
        return False
    return encrypted.startswith(_ENCRYPTED) and text.startswith(f"{account.name}|")


def _identifier(value: Any) -> str:
    return str(value.get("id", "")) if isinstance(value, dict) else str(value or "")


def _items(value: Any) -> Iterator[dict[str, Any]]:
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            yield item
