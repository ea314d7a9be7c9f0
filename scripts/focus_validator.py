"""Runs the FinOps Foundation's FOCUS validator, which pins old libraries, from its own folder in .venv.

It ends with 0 whatever it finds, so that its output decides, and it needs a working directory in which its package is
a folder. One of its rules cannot be met: InvoiceId must be null and must not be, whatever the charge.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from chargeback.domain.errors import InconsistentFile
from chargeback.services.focus.check_focus import check_file

HOME = Path(__file__).parents[1] / ".venv" / "focus"
VERSION = "1.2.0.1"
ALLOWED = {"InvoiceId-C-004-C", "InvoiceId-C-005-C"}
CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED",
    "MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED",
    "NEGOTIATED_PRICING_SUPPORTED",
    "PUBLIC_PRICE_LIST_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "SUB_ACCOUNT_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED",
    "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "REGION_SUPPORTED",
    "TAGGING_SUPPORTED",
    "PRICING_BILLING_CURRENCY_DIFFERENCES_SUPPORTED",
)
"""What holds for our files: with fewer, the validator skips the rules of those columns."""

_RESULT = re.compile(r"^(?P<mark>✅|❌) (?P<rule>[\w-]+): (?P<text>.*)$", re.M)


class ValidatorMissing(Exception):
    """The validator is not installed; the message says how to install it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the validator found.

    Attributes:
        passed: the rules that hold.
        failed: the others, each with the validator's words.
    """

    passed: frozenset[str]
    failed: dict[str, str]


def find() -> Path:
    """The validator's folder, or `ValidatorMissing`."""
    if not (HOME / "focus_validator" / "rules" / f"model-{VERSION}.json").is_file():
        raise ValidatorMissing("The FOCUS validator is not installed: scripts/setup does it on Python before 3.13")
    return HOME


def validate(file: Path) -> Verdict:
    """Validate a CSV file. Raises `ValidatorMissing`, or `RuntimeError` where the validator itself broke."""
    home = find()
    arguments = ["--data-file", str(file.resolve()), "--block-download", "--validate-version", VERSION]
    arguments += ["--applicability-criteria", ",".join(CRITERIA)]
    with tempfile.TemporaryDirectory(prefix="focus-") as folder:
        (Path(folder) / "focus_validator").symlink_to(home / "focus_validator")
        done = subprocess.run(
            [sys.executable, "-c", "from focus_validator.main import main; main()", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(home), "LOG_LEVEL": "ERROR", "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    results = {match["rule"]: (match["mark"] == "✅", match["text"]) for match in _RESULT.finditer(done.stdout)}
    if done.returncode or not any(passed for passed, _ in results.values()):
        raise RuntimeError(f"The FOCUS validator did not come to a verdict:\n{done.stderr}{done.stdout[-2000:]}")
    failed = {rule: text for rule, (passed, text) in results.items() if not passed and rule not in ALLOWED}
    return Verdict(frozenset(rule for rule, (passed, _) in results.items() if passed), failed)


def main() -> None:
    """scripts/validate-focus FILE"""
    if len(sys.argv) != 2:
        sys.exit("usage: scripts/validate-focus FILE")
    file = Path(sys.argv[1])
    verdict = validate(file)
    for rule, text in sorted(verdict.failed.items()):
        print(f"{rule}: {text}")
    try:
        check_file(file)
    except InconsistentFile as broken:
        sys.exit(str(broken))
    print(f"{file}: {len(verdict.passed)} rules of FOCUS hold, {len(verdict.failed)} do not; our own hold")
    sys.exit(bool(verdict.failed))


if __name__ == "__main__":
    main()
