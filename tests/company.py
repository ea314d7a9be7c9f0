"""A company that has used the product for years: the shipped configuration, with its former deployments still there."""

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

from chargeback.bootstrap import DEPLOYED_CONFIG


def with_former_deployments(document: dict[str, Any]) -> dict[str, Any]:
    """deployments.yaml in which each account has what it had, beside what it has."""
    sets = {
        account["account"]: list(document["deploymentSets"][account["deployments"]]) for account in document["accounts"]
    }
    for former in document.pop("formerDeployments", []):
        for account in former["accounts"]:
            sets[account] += [{**each, "capacity": 10} for each in former["deployments"]]
    accounts = [{**account, "deployments": account["account"]} for account in document["accounts"]]
    return {**document, "accounts": accounts, "deploymentSets": sets}


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="company-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(DEPLOYED_CONFIG, folder, dirs_exist_ok=True)
    document = yaml.safe_load((folder / "deployments.yaml").read_text("utf-8"))
    (folder / "deployments.yaml").write_text(yaml.safe_dump(with_former_deployments(document)), "utf-8")
    return folder


CONFIG = _folder()
