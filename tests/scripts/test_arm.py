"""Who deploys without azd takes the same steps in the same order, with the same values."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from scripts.arm import deploy
from scripts.arm.package import pack
from scripts.arm.parameters import filled

ROOT = deploy.ROOT

AZ = """#!/usr/bin/env python3
import json, os, pathlib, sys
words = sys.argv[1:]
with open(os.environ["SEEN"], "a") as seen:
    print("az", *words[:3], file=seen)
if "create" in words:
    given = words[words.index("--parameters") + 1].lstrip("@")
    pathlib.Path(os.environ["GIVEN"]).write_text(pathlib.Path(given).read_text())
    outputs = {"AZURE_RESOURCE_GROUP": "rg-books", "service_functions_name": "func-1"}
    print(json.dumps({name: {"type": "String", "value": value} for name, value in outputs.items()}))
elif "get-access-token" in words:
    print(json.dumps({"accessToken": "token of " + words[words.index("--scope") + 1]}))
sys.exit(3 if os.environ.get("FAILS") == words[0] else 0)
"""

HOOK = """
import os, subprocess
with open(os.environ["SEEN"], "a") as seen:
    print("hook NAME", os.environ.get("AZURE_RESOURCE_GROUP"), os.environ.get("KNOWN"), file=seen)
subprocess.run(["azd", "env", "set", "KNOWN", "NAME"], check=True)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three hooks, and an `az` that writes down what it is asked."""
    root = tmp_path / "project"
    (root / "infra").mkdir(parents=True)
    (root / "azure.yaml").write_text(
        yaml.safe_dump(
            {
                "hooks": {
                    "preprovision": {"run": "infra/before.py"},
                    "postprovision": [{"run": "infra/made.py"}],
                    "postdeploy": [{"run": "infra/deployed.py"}],
                }
            }
        )
    )
    for name in ("before", "made", "deployed"):
        (root / f"infra/{name}.py").write_text(HOOK.replace("NAME", name))
    (root / "infra/main.parameters.json").write_text(
        json.dumps(
            {"parameters": {"profile": {"value": "${CHARGEBACK_PROFILE=trial}"}, "known": {"value": "${KNOWN=}"}}}
        )
    )
    (root / ".funcignore").write_text("infra\n*.md\n")
    (root / "function_app.py").write_text("app = None\n")
    (root / "README.md").write_text("read me")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "az").write_text(AZ)
    (tools / "az").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.setenv("GIVEN", str(tmp_path / "given"))
    return root


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "books.env"
    path.write_text(
        "# mine\nAZURE_ENV_NAME=books\nAZURE_LOCATION=swedencentral\nAZURE_SUBSCRIPTION_ID=1\n"
        "CHARGEBACK_PROFILE=staging\n"
    )
    return path


def test_the_steps_are_azds_and_each_knows_what_the_ones_before_found(project: Path, settings: Path) -> None:
    deploy.Deployer(project, settings).run(project / "main.json")

    assert (project.parent / "seen").read_text().splitlines() == [
        "hook before None None",
        "az deployment sub create",
        "hook made rg-books before",
        "az functionapp deployment source",
        "hook deployed rg-books made",
    ]
    assert json.loads((project.parent / "given").read_text())["parameters"] == {
        "profile": {"value": "staging"},
        "known": {"value": "before"},
    }
    assert deploy.read_settings(settings)["SERVICE_FUNCTIONS_NAME"] == "func-1"


@pytest.mark.parametrize(("fails", "last"), [("deployment", "az deployment sub create")])
def test_nothing_follows_a_step_that_failed(
    project: Path, settings: Path, monkeypatch: pytest.MonkeyPatch, fails: str, last: str
) -> None:
    monkeypatch.setenv("FAILS", fails)

    with pytest.raises(deploy.Stopped, match="az deployment sub create failed"):
        deploy.Deployer(project, settings).run(project / "main.json")

    assert (project.parent / "seen").read_text().splitlines()[-1] == last


def test_an_obstacle_stops_before_anything_is_made(project: Path, settings: Path) -> None:
    (project / "infra/before.py").write_text("raise SystemExit(1)")

    with pytest.raises(deploy.Stopped, match=r"infra/before\.py failed"):
        deploy.Deployer(project, settings).run(project / "main.json")

    assert not (project.parent / "seen").exists()


def test_settings_without_a_region_are_refused(settings: Path) -> None:
    settings.write_text("AZURE_ENV_NAME=books\n")

    with pytest.raises(deploy.Stopped, match="has no AZURE_LOCATION, AZURE_SUBSCRIPTION_ID"):
        deploy.read_settings(settings)


def test_hooks_get_their_tokens_from_az(project: Path) -> None:
    azd = [sys.executable, str(ROOT / "scripts/arm/bin/azd")]
    answer = subprocess.check_output([*azd, "auth", "token", "--scope", "https://x/.default", "--output", "json"])

    assert json.loads(answer) == {"token": "token of https://x/.default"}
    assert subprocess.run([*azd, "up"], capture_output=True).returncode == 2


def test_every_sentence_that_a_hook_says_to_azd_is_known_without_it() -> None:
    files = set((ROOT / "infra/hooks").glob("*.py")) - {
        ROOT / "infra/hooks/rehearse_host_name.py"
    }  # a step of azd's own
    said = "\n".join(path.read_text("utf-8") for path in files)

    sentences = {tuple(re.findall(r'"([\w -]+)"', each)[1:3]) for each in re.findall(r'\["azd", [^]]+\]', said)}

    assert sentences == {("env", "set"), ("auth", "token")}


def test_the_package_holds_what_azd_would_deploy(project: Path, tmp_path: Path) -> None:
    names = pack(project, tmp_path / "package.zip")

    assert names == [".funcignore", "azure.yaml", "function_app.py"]
    assert ZipFile(tmp_path / "package.zip").namelist() == names


def test_parameters_are_filled_as_azd_fills_them() -> None:
    document = json.loads((ROOT / "infra/main.parameters.json").read_text("utf-8"))

    given = filled(document, {"AZURE_ENV_NAME": "books", "AZURE_LOCATION": "", "FUNCTIONS_DEPLOYED": "true"})[
        "parameters"
    ]

    assert given["environmentName"] == {"value": "books"}
    assert "location" not in given  # the template asks for it
    assert given["profile"] == {"value": "trial"}
    assert given["functionsDeployed"] == {"value": True}
    assert "alertEmails" not in given  # the template's own default
