"""Ends the servers of a stack whose owner was killed: `python -m stack.guard DIR` does so once its input ends.

The owner holds the other end of that input, and the system closes it however the owner dies.
"""

import subprocess
import sys
from pathlib import Path

from stack.record import stop_recorded


def start_guard(state: Path) -> subprocess.Popen[bytes]:
    """Start the guard of the stack in `state`; its owner kills it after the servers' regular end."""
    return subprocess.Popen(
        [sys.executable, "-m", "stack.guard", str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[1],
        start_new_session=True,
    )


if __name__ == "__main__":
    sys.stdin.buffer.read()
    stop_recorded(Path(sys.argv[1]))
