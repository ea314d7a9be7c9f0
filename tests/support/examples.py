"""How many examples a slow property test tries: few in the suite, more with `THOROUGH=10 scripts/test PATH`."""

import os

THOROUGH = int(os.environ.get("THOROUGH", "1"))


def few(examples: int) -> int:
    """So many in the suite, `THOROUGH` times as many by command."""
    return examples * THOROUGH
