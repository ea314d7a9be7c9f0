"""The fuzzers by name, and how many attempts of each the suite makes."""

from collections.abc import Callable
from random import Random

from tests.fuzz import cost_export, door, log_rows, price_list, yaml_config

Attempt = Callable[[Random], None]

FUZZERS: dict[str, tuple[Attempt, int]] = {
    "door": (door.attempt, 12),
    "yaml": (yaml_config.attempt, 50),
    "export": (cost_export.attempt, 40),
    "price-list": (price_list.attempt, 400),
    "log-rows": (log_rows.attempt, 100),
}
