"""A company that has used the product for years: the shipped configuration, with its former deployments still there."""

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

from chargeback.adapters.config.folders import path_of
from stack.example import EXAMPLE_CONFIG


def with_former_deployments(document: dict[str, Any], dated: dict[str, Any]) -> dict[str, Any]:
    """deployments.yaml in which each account has what it had, as dated-deployments.yaml says, beside what it has."""
    sets = {
        account["account"]: list(document["deploymentSets"][account["deployments"]]) for account in document["accounts"]
    }
    for former in dated["deployments"]:
        deployed = {name: value for name, value in former.items() if name != "accounts"}
        for account in former["accounts"]:
            sets[account].append({**deployed, "capacity": 10})
    accounts = [{**account, "deployments": account["account"]} for account in document["accounts"]]
    return {**document, "accounts": accounts, "deploymentSets": sets}


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="company-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(EXAMPLE_CONFIG, folder, dirs_exist_ok=True)
    now, dated = (path_of(folder, name) for name in ("deployments.yaml", "dated-deployments.yaml"))
    document = with_former_deployments(*(yaml.safe_load(each.read_text("utf-8")) for each in (now, dated)))
    now.write_text(yaml.safe_dump(document), "utf-8")
    dated.unlink()
    return folder


CONFIG = _folder()
