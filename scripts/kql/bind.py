"""Asks Microsoft's language service whether queries parse, and whether each name in them is known.

Run as `python -m scripts.kql.bind`; it names every fault with its file, line and column, and exits 1 if there is one.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.kql.queries import ROOT, filled, queries, tables


def faults(texts: Mapping[str, str]) -> list[str]:
    """What is wrong with the queries, each as `name:line:column: message`; lines do not count leading comments."""
    columns = {
        name: f"({', '.join(f'{column}: {kind}' for column, kind in of_table.items())})"
        for name, of_table in tables().items()
    }
    done = subprocess.run(
        ["node", str(Path(__file__).parent / "bind.cjs")],
        input=json.dumps({"tables": columns, "queries": dict(texts)}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [f"{each['query']}:{each['line']}:{each['column']}: {each['message']}" for each in json.loads(done.stdout)]


def main() -> int:
    """Check every query of the repository."""
    found = faults({name: filled(path) for name, path in queries().items()})
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
