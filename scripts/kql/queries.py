"""Which log queries the product has, over which tables, with sample values where a deployment fills them in."""

import json
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDERS = (ROOT / "infra/queries", ROOT / "chargeback/adapters/azure/queries", ROOT / "scripts/verify/queries")

SAMPLE_VALUES = {
    "CORRELATION_IDS": "'call-1', 'call-2'",
}
"""What the code puts in the place of a word in capitals."""


def queries() -> dict[str, Path]:
    """Every query of the repository, by its path within."""
    return {str(path.relative_to(ROOT)): path for folder in FOLDERS for path in sorted(folder.rglob("*.kql"))}


def filled(path: Path, values: Mapping[str, str] = SAMPLE_VALUES) -> str:
    """The query as it is sent, with sample values."""
    query = path.read_text("utf-8")
    body = "\n".join(line for line in query.splitlines() if not line.startswith("//"))
    for word, value in values.items():
        body = body.replace(word, value)
    return body


def tables() -> dict[str, dict[str, str]]:
    """The documented columns of each table that a query may read, with their types."""
    documented = json.loads((Path(__file__).parent / "tables.json").read_text("utf-8"))
    return {name: table["columns"] for name, table in documented.items()}
