"""Writes the OpenAPI document of the API to docs/openapi.json: run it after changing what the API answers."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from chargeback.api.app import http_api
from chargeback.api.openapi import api_document

FILE = Path(__file__).parents[1] / "docs" / "openapi.json"


def document_text() -> str:
    """The document, which needs no store and no setting."""
    container: Any = SimpleNamespace()
    return json.dumps(api_document(http_api(container)), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write it."""
    FILE.write_text(document_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
