"""Sets a control document, whatever is stored already, as only tests do."""

from typing import Any

from chargeback.services.ports.control import Control


async def put_document(control: Control, kind: str, name: str, document: dict[str, Any]) -> None:
    """Set one document."""
    known = await control.get_versioned(kind, name)
    await control.swap(kind, name, document, known[1] if known else None)
