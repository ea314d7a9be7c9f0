"""Bicep's compiler is found where people have it, and its warnings and errors count as faults."""

import subprocess
import sys
from pathlib import Path

import pytest

from stack.bicep import compiler
from stack.bicep.compiler import TemplateRefused, build, found
from stack.bicep.files import ROOT
from stack.bicep.written import written


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a PATH with nothing of Bicep in them."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.delenv("BICEP", raising=False)
    return tmp_path


def put(path: Path, version: str = "0.49.2") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "Bicep CLI version {version}"\n', "utf-8")
    path.chmod(0o755)
    return path


def test_a_machine_without_a_compiler_has_none_and_says_so(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiler, "found", found.__wrapped__)

    assert compiler.main() == 0
    assert "bicep: skipped, as there is no compiler here" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["path/bicep", ".azd/bin/bicep", ".azure/bin/bicep"])
def test_the_compiler_is_found_where_people_have_it(machine: Path, place: str) -> None:
    there = put(machine / place)

    assert found.__wrapped__() == there


def test_the_compiler_that_is_named_comes_first(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(machine / "path/bicep")
    named = put(machine / "elsewhere/bicep-of-today")
    monkeypatch.setenv("BICEP", str(named))

    assert found.__wrapped__() == named


def test_a_compiler_that_cannot_work_a_deployment_out_is_as_good_as_none(machine: Path) -> None:
    put(machine / "path/bicep", "0.30.1")

    assert found.__wrapped__() is None


def test_the_scan_for_insecure_settings_looks_where_the_checks_look(machine: Path) -> None:
    there = put(machine / ".azd/bin/bicep")

    where = [sys.executable, "-S", "-m", "stack.bicep.where"]  # before any package is installed
    assert subprocess.check_output(where, cwd=ROOT, text=True).strip() == str(there)
    assert "BICEP=$(python3 -m stack.bicep.where)" in (ROOT / "scripts/check-security").read_text("utf-8")


@pytest.mark.skipif(found() is None, reason="there is no Bicep compiler here")
def test_the_template_compiles_in_a_clean_clone() -> None:
    build(ROOT / "infra/main.bicep")


@pytest.mark.skipif(found() is None, reason="there is no Bicep compiler here")
def test_a_warning_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "unused.bicep"
    file.write_text("param unused string\n", "utf-8")

    with pytest.raises(TemplateRefused, match="no-unused-params"):
        build(file)


def test_values_are_written_so_that_no_text_becomes_code() -> None:
    assert written("it's ${a}\n") == "'it\\'s \\${a}\\n'"
    assert written({"a-b": [True, None, 3]}) == "{\n'a-b': [\ntrue\nnull\n3\n]\n}"
    assert written("[parameters('x')]") == "any('known to Azure')"
