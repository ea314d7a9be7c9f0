"""The checks of what comes from others find what they are for, and nothing in this repository."""

import base64
from pathlib import Path

import pytest

from scripts.supply import licences, locks, releases, secrets
from scripts.supply.__main__ import ROOT


def test_the_locks_pin_everything_by_hash_and_are_what_is_installed() -> None:
    assert not list(locks.faults(ROOT))


def test_every_licence_may_be_used() -> None:
    assert not list(licences.faults(ROOT))


def test_every_exception_of_a_licence_is_needed() -> None:
    names = {requirement.name for requirement, _ in locks.read_lock(ROOT / locks.INSTALLED)}
    needed = {name for name in licences.REASONS if not name.startswith("node_modules/")} - {"chargeback"}

    assert needed <= names


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose locks are right."""
    for name in locks.PYTHON_LOCKS:
        (tmp_path / name).write_text(
            "# made by scripts/lock\npytest==9.0.0 \\\n    --hash=sha256:12\n    # via chargeback\n"
        )
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["pytest>=8"]\n[project.optional-dependencies]\ndev = []\n'
    )
    (tmp_path / "package.json").write_text('{"dependencies": {"a": "1"}}')
    (tmp_path / "package-lock.json").write_text(
        '{"packages": {"": {"dependencies": {"a": "1"}}, "node_modules/a": {"integrity": "sha512-x"}}}'
    )
    return tmp_path


def of_files(root: Path) -> list[str]:
    """The faults that do not depend on what is installed."""
    return [fault for fault in locks.faults(root) if "is installed" not in fault]


def test_a_lock_in_order_has_no_fault(repository: Path) -> None:
    assert not of_files(repository)


@pytest.mark.parametrize("entry", ["pytest==9.0.0\n", "pytest>=9 --hash=sha256:12\n"])
def test_a_requirement_without_a_hash_or_a_version_is_refused(repository: Path, entry: str) -> None:
    (repository / "requirements-focus.txt").write_text(entry)

    (fault,) = of_files(repository)
    assert fault.startswith("requirements-focus.txt: pytest is not pinned to one version with hashes")


@pytest.mark.parametrize("wanted", ["pytest>=10", "msgspec"])
def test_a_lock_that_does_not_hold_what_is_asked_for_is_refused(repository: Path, wanted: str) -> None:
    (repository / "pyproject.toml").write_text(
        f'[project]\ndependencies = []\n[project.optional-dependencies]\ndev = ["{wanted}"]\n'
    )

    assert of_files(repository) == [f"requirements-dev.txt: {wanted} of pyproject.toml is not in it; run scripts/lock"]


def test_a_node_package_without_a_hash_is_refused(repository: Path) -> None:
    lock = repository / "package-lock.json"
    lock.write_text(lock.read_text().replace("sha512-x", ""))

    assert of_files(repository) == ["package-lock.json: node_modules/a carries no hash; run scripts/lock"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "AccountKey=" + base64.b64encode(bytes(range(64))).decode(),
            "Azure",
        ),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "Private Key"),
        ("token = 'ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx'", "GitHub"),
    ],
)
def test_a_secret_is_found(tmp_path: Path, text: str, kind: str) -> None:
    (tmp_path / "settings.py").write_text(f"{text}\n")

    assert any(kind in fault for fault in secrets.faults(tmp_path, ["settings.py"]))


def test_what_is_excused_is_still_there() -> None:
    assert all(any(ROOT.glob(pattern)) for pattern, _ in secrets.NOT_SECRET)


CHANGELOG = """# Changelog

## [Unreleased]

## [0.2.0] - 2026-12-01

- Two.

## [0.1.0] - 2026-11-30

- One.

### Added

- More.
"""


def test_the_version_of_the_package_is_the_newest_of_the_changelog() -> None:
    assert not list(releases.faults(ROOT))


def test_a_release_says_what_the_changelog_says_of_its_version() -> None:
    assert releases.notes(CHANGELOG, "0.1.0") == "- One.\n\n### Added\n\n- More.\n"
    assert releases.notes(CHANGELOG, "0.2.0") == "- Two.\n"


@pytest.mark.parametrize("version", ["0.3.0", "Unreleased", "0.1"])
def test_a_version_that_the_changelog_says_nothing_of_is_not_released(version: str) -> None:
    with pytest.raises(ValueError, match=r"CHANGELOG\.md says nothing of"):
        releases.notes(CHANGELOG, version)


@pytest.mark.parametrize(
    ("there", "wrong", "fault"),
    [
        ("## [Unreleased]\n\n", "", "its first section must be [Unreleased]"),
        ("## [0.2.0] - 2026-12-01", "## [0.3.0] - 2026-12-01", "its newest version must be [0.2.0]"),
        (" - 2026-12-01", "", "each version needs its date"),
        (" - 2026-12-01", " - soon", "each version needs its date"),
        ("2026-11-30", "2026-12-24", "the newest version must come first"),
        ("__version__ = ", "VERSION = ", '__version__ must be "0.2.0"'),
        ("@0.2.0", "@0.1.0", "azure.yaml: metadata.template must end with @0.2.0"),
    ],
)
def test_versions_that_contradict_each_other_are_named(tmp_path: Path, there: str, wrong: str, fault: str) -> None:
    files = {
        "pyproject.toml": '[project]\nversion = "0.2.0"\n',
        "azure.yaml": "metadata:\n  template: azure-openai-chargeback@0.2.0\n",
        "CHANGELOG.md": CHANGELOG,
        "chargeback/__init__.py": '__version__ = "0.2.0"\n',
    }
    (tmp_path / "chargeback").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert not list(releases.faults(tmp_path))

    for name, text in files.items():
        (tmp_path / name).write_text(text.replace(there, wrong))

    assert any(fault in found for found in releases.faults(tmp_path))
