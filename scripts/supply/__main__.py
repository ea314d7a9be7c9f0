"""Names what is wrong with locks, licences, secrets and versions, and then exits 1: `python -m scripts.supply`."""

import sys
from itertools import chain
from pathlib import Path

from scripts.supply import licences, locks, releases, secrets

ROOT = Path(__file__).parent.parent.parent

if __name__ == "__main__":
    found = list(chain(locks.faults(ROOT), licences.faults(ROOT), secrets.faults(ROOT), releases.faults(ROOT)))
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)
