"""The hook starts the app's own apply, and prints what became of it; it writes nothing itself."""

from typing import Any

import apply_config
import pytest

from chargeback.adapters.config.digest import config_digest
from stack.example import EXAMPLE_CONFIG
from tests.infra.hooks.conftest import LocalAzure

APP = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Web/sites/app"
DOCS = "/dbs/chargeback/colls/control/docs"
DIGEST = config_digest(EXAMPLE_CONFIG)
NOTHING = (200, {"Documents": []})


def record(state: str, *lines: str, digest: str = DIGEST) -> tuple[int, Any]:
    return 200, {"Documents": [{"digest": digest, "state": state, "lines": list(lines), "moreLines": 0}]}


@pytest.fixture
def deployed(azure: LocalAzure, environment: Any, monkeypatch: pytest.MonkeyPatch) -> LocalAzure:
    environment(
        FUNCTION_APP_ID=APP,
        FUNCTION_APP_HOST="app.invalid",
        CHARGEBACK_COSMOS_ENDPOINT=azure.url,
        CHARGEBACK_COSMOS_DATABASE="chargeback",
    )
    monkeypatch.setattr(apply_config, "start", lambda *_: True)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return azure


def test_the_diff_of_this_deployment_is_printed(deployed: LocalAzure, capsys: pytest.CaptureFixture[str]) -> None:
    of_before = record("applied", "an older diff", digest="older")
    deployed.on("POST", DOCS, of_before, of_before, record("applied", "in force: abc", "  a price changed"))

    assert apply_config.main(deployed.client()) == 0
    assert capsys.readouterr().out.splitlines() == ["configuration: in force: abc", "configuration:   a price changed"]


def test_a_refusal_fails_the_deployment_with_the_reasons(
    deployed: LocalAzure, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.on("POST", DOCS, NOTHING, record("refused", "books.yaml: 2026-10 is closed"))

    assert apply_config.main(deployed.client()) == 1
    said = capsys.readouterr().err
    assert "books.yaml: 2026-10 is closed" in said
    assert "the books refuse it" in said


def test_the_right_to_read_the_books_may_take_its_time(deployed: LocalAzure) -> None:
    refused = (403, {"code": "Forbidden", "message": "the principal lacks readMetadata"})
    deployed.on("POST", DOCS, refused, refused, NOTHING, refused, record("applied", "in force: abc"))

    assert apply_config.main(deployed.client()) == 0


def test_a_second_run_starts_nothing(deployed: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed.on("POST", DOCS, record("applied", "in force: abc"))
    monkeypatch.setattr(apply_config, "start", lambda *_: pytest.fail("it was applied before"))

    assert apply_config.main(deployed.client()) == 0


def test_an_app_that_cannot_be_reached_will_do_it_by_itself_and_that_is_said(
    deployed: LocalAzure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.on("POST", DOCS, NOTHING)
    monkeypatch.setattr(apply_config, "start", lambda *_: False)

    assert apply_config.main(deployed.client()) == 0
    assert "by itself at 06:00 UTC" in capsys.readouterr().err


def test_the_digest_is_of_names_and_bytes(tmp_path: Any) -> None:
    (tmp_path / "company").mkdir()
    (tmp_path / "company" / "a.yaml").write_text("a: 1\n")
    first = config_digest(tmp_path)
    (tmp_path / "notes.txt").write_text("no matter")
    (tmp_path / "b.yaml").write_text("")

    assert first != config_digest(tmp_path)
    (tmp_path / "b.yaml").unlink()
    assert first == config_digest(tmp_path)
    (tmp_path / "company" / "a.yaml").write_text("a: 2\n")
    assert first != config_digest(tmp_path)
