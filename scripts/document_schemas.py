"""Writes the JSON Schema of each configuration file to config/schemas: run it after changing what a file may have."""

import json
from pathlib import Path

from chargeback.adapters.config.schemas import FILES_WITH_SCHEMA, schema_of

FOLDER = Path(__file__).parents[1] / "config" / "schemas"


def schemas() -> dict[str, str]:
    """File name of each schema → its text."""
    return {
        f"{Path(name).stem}.json": json.dumps(schema_of(sections), indent=2, ensure_ascii=False) + "\n"
        for name, sections in FILES_WITH_SCHEMA.items()
    }


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        Path(FOLDER, name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
