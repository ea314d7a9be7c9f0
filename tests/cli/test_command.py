"""The installed command: its version, completion, and the settings that it asks for."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from chargeback.cli.exit_codes import ExitCode
from stack.example import EXAMPLE_CONFIG
from tests.support.command_line import chargeback

COMMAND = Path(sys.executable).with_name("chargeback")


def test_the_command_is_installed_and_says_its_version() -> None:
    said = subprocess.check_output([COMMAND, "--version"], text=True)

    assert said == f"chargeback {metadata.version('chargeback')}\n"


def test_a_shell_completes_commands() -> None:
    asked = {"_CHARGEBACK_COMPLETE": "complete_bash", "COMP_WORDS": "chargeback pub", "COMP_CWORD": "1"}

    assert subprocess.check_output([COMMAND], text=True, env=os.environ | asked).split() == ["publish"]


@pytest.mark.parametrize(
    ("known", "missing"),
    [
        ({}, "CHARGEBACK_COSMOS_ENDPOINT"),
        ({"CHARGEBACK_COSMOS_ENDPOINT": "https://127.0.0.1:1"}, "CHARGEBACK_STORAGE_ACCOUNT_URL"),
    ],
)
def test_a_command_asks_for_the_settings_that_it_uses_and_for_no_other(known: dict[str, str], missing: str) -> None:
    arguments = ["explain", "2026-10", "--cost-centre", "product"]

    ended = subprocess.run([COMMAND, *arguments], env=known, capture_output=True, text=True, check=False)

    assert ended.returncode == ExitCode.FAILED
    assert ended.stderr.startswith(f"error: {missing}: is not set; `azd env get-values` has it for a deployment")
    assert ended.stderr.count(" is not set") == 1


def test_a_setting_under_its_former_name_is_used_with_one_warning() -> None:
    known = {"CONFIG_DIR": str(EXAMPLE_CONFIG), "PATH": os.environ["PATH"]}

    ended = subprocess.run([COMMAND, "prices", "check"], env=known, capture_output=True, text=True, check=False)

    assert ended.returncode == ExitCode.DONE, ended.stderr
    assert ended.stderr == "warning: the setting CONFIG_DIR is now called CHARGEBACK_CONFIG_DIR\n"


def test_two_values_of_one_setting_are_refused() -> None:
    code, _, errors = chargeback("prices", "check", CONFIG_DIR="elsewhere")

    assert code == ExitCode.FAILED
    assert "CHARGEBACK_CONFIG_DIR: CONFIG_DIR, its former name, has another value" in errors
