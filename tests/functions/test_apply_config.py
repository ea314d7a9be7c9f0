"""The timer that a deployment starts: what it brings is in force, and where another one is, that is told every day."""

import asyncio
import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.memory.stores import MemoryCatalogues, MemoryControl, MemoryLedger
from chargeback.bootstrap import Container
from chargeback.functions.apply_config import blueprint
from stack.example import EXAMPLE_CONFIG
from tests.support.audit_log import some_log
from tests.support.control_documents import put_document


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))


def run(caplog: pytest.LogCaptureFixture, folder: Path, control: MemoryControl) -> list[dict[str, Any]]:
    """The lines of one run of the timer."""
    container = SimpleNamespace(
        audit_log=some_log(),
        control=control,
        catalogues=MemoryCatalogues(load_catalogue(EXAMPLE_CONFIG)),
        ledger=MemoryLedger(),
        settings=SimpleNamespace(config_folder=folder),
    )
    (function,) = blueprint(cast(Container, container))._function_builders
    timer = function._function.get_user_function()
    caplog.clear()
    with caplog.at_level(logging.INFO, "chargeback.functions.apply_config"):
        asyncio.run(
            timer(cast(Any, SimpleNamespace(past_due=False)), cast(Any, SimpleNamespace(invocation_id="run-1")))
        )
    return [json.loads(line) for line in caplog.messages]


def test_the_first_run_after_a_deployment_applies_and_the_next_ones_only_look(
    caplog: pytest.LogCaptureFixture, folder: Path
) -> None:
    control = MemoryControl()

    first, second = run(caplog, folder, control), run(caplog, folder, control)

    assert [line["event"] for line in first] == ["config_applied", "config_checked"]
    assert [line["event"] for line in second] == ["config_checked"]
    assert second[0]["differs"] is False


def test_a_configuration_that_was_applied_by_hand_is_logged_every_day(
    caplog: pytest.LogCaptureFixture, folder: Path
) -> None:
    control = MemoryControl()
    run(caplog, folder, control)
    asyncio.run(put_document(control, "catalogue", "current", {"digest": "by-hand", "termsDigest": ""}))

    drift, checked = run(caplog, folder, control)

    assert (drift["event"], drift["in_force"]) == ("config_drift", "by-hand")
    assert checked["differs"] is True
