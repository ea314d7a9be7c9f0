"""Deploys without azd: the ARM template and, around it, the steps that azd's hooks take.

Run as `scripts/deploy-arm SETTINGS [TEMPLATE]`. SETTINGS is a file of NAME=value lines with AZURE_ENV_NAME,
AZURE_LOCATION, AZURE_SUBSCRIPTION_ID and those of docs/deploy.md that should differ; outputs are added to it, and the
next run reads them. TEMPLATE is that of a release, or infra/main.bicep. It needs `az`, signed in.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from scripts.arm.package import pack
from scripts.arm.parameters import filled

ROOT = Path(__file__).parents[2]
REQUIRED = ("AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID")


class Stopped(Exception):
    """A step failed; the message says which."""


def read_settings(path: Path) -> dict[str, str]:
    """The lines of the file; a later line of a name replaces an earlier one. Raises `Stopped` where one is missing."""
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    settings = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    missing = [name for name in REQUIRED if not settings.get(name)]
    if missing:
        raise Stopped(f"{path} has no {', '.join(missing)}")
    return settings


class Deployer:
    """One run: each step sees the settings that the steps before have written."""

    def __init__(self, root: Path, settings: Path) -> None:
        self._root = root
        self._settings = settings

    def run(self, template: Path) -> None:
        """Take every step in azd's order; raises `Stopped` at the first that fails."""
        self._hooks("preprovision")
        self._provision(template)
        self._hooks("postprovision")
        self._deploy_package()
        self._hooks("postdeploy")

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, **read_settings(self._settings)}
        environment["DEPLOY_ARM_SETTINGS"] = str(self._settings)
        environment["PATH"] = f"{Path(__file__).parent / 'bin'}{os.pathsep}{environment['PATH']}"
        return environment

    def _hooks(self, event: str) -> None:
        hooks = yaml.safe_load((self._root / "azure.yaml").read_text("utf-8"))["hooks"][event]
        for hook in hooks if isinstance(hooks, list) else [hooks]:
            print(f"deploy: {event}: {hook['run']}", flush=True)
            script = self._root / hook["run"]
            done = subprocess.run([sys.executable, str(script)], cwd=script.parent, env=self._environment())
            if done.returncode:
                raise Stopped(f"{hook['run']} failed")

    def _provision(self, template: Path) -> None:
        environment = self._environment()
        document = json.loads((self._root / "infra/main.parameters.json").read_text("utf-8"))
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as parameters:
            json.dump(filled(document, environment), parameters)
            parameters.flush()
            outputs = self._az(
                "deployment sub create",
                *("--name", f"chargeback-{environment['AZURE_ENV_NAME']}", "--location", environment["AZURE_LOCATION"]),
                *("--template-file", str(template), "--parameters", f"@{parameters.name}"),
                *("--query", "properties.outputs"),
            )
        with self._settings.open("a", encoding="utf-8") as settings:
            # ARM gives the names of outputs back in any case; azd writes them in capitals.
            settings.writelines(f"{name.upper()}={item['value']}\n" for name, item in sorted(outputs.items()))

    def _deploy_package(self) -> None:
        environment = self._environment()
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder) / "package.zip"
            print(f"deploy: {len(pack(self._root, package))} files", flush=True)
            self._az(
                "functionapp deployment source config-zip",
                *("--resource-group", environment["AZURE_RESOURCE_GROUP"]),
                *("--name", environment["SERVICE_FUNCTIONS_NAME"], "--src", str(package), "--build-remote", "true"),
            )

    def _az(self, command: str, *options: str) -> Any:
        print(f"deploy: az {command}", flush=True)
        subscription = read_settings(self._settings)["AZURE_SUBSCRIPTION_ID"]
        words = ["az", *command.split(), *options, "--subscription", subscription, "--output", "json"]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, env={**os.environ})
        if done.returncode:
            raise Stopped(f"az {command} failed")
        return json.loads(done.stdout or "null")


def main(words: list[str]) -> int:
    """Deploy; 1 with the reason if a step fails."""
    if len(words) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    settings = Path(words[0]).resolve()
    template = Path(words[1]).resolve() if len(words) == 2 else ROOT / "infra/main.bicep"
    try:
        Deployer(ROOT, settings).run(template)
    except (Stopped, OSError) as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
