"""From an empty folder to valid files by `config init`, and on by `config add`; nothing is lost or half done."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from chargeback.adapters.config.alerts import load_alerts
from chargeback.adapters.config.folders import path_of
from chargeback.cli.exit_codes import ExitCode
from chargeback.settings import DEPLOYED_CONFIG
from stack.example import EXAMPLE_CONFIG
from tests.support.command_line import chargeback, output_of
from tests.surface.documents import DOCUMENTS

SWEDEN = ("--region", "swedencentral", "--model", "gpt-5.4", "--type", "DataZoneStandard", "--team", "Search")


@pytest.fixture(scope="module")
def few_prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The provider's files with the prices of two models, which are read in no time."""
    folder = Path(shutil.copytree(DEPLOYED_CONFIG / "provider", tmp_path_factory.mktemp("few") / "provider"))
    card = yaml.safe_load((folder / "rate-card.yaml").read_text("utf-8"))
    card["prices"] = [each for each in card["prices"] if each.get("model") in ("gpt-5.4", "gpt-5.4-mini")]
    (folder / "rate-card.yaml").write_text(yaml.safe_dump({**card, "hosting": []}, sort_keys=False), "utf-8")
    (folder / "retail-meters.yaml").write_text("capacity: []\nmeters: []\n", "utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path, few_prices: Path) -> Path:
    """The product's own tree, in which nobody has written a file yet."""
    shutil.copytree(few_prices, tmp_path / "config/provider")
    return tmp_path / "config"


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """The same with every price."""
    shutil.copytree(DEPLOYED_CONFIG / "provider", tmp_path / "shipped/provider")
    return tmp_path / "shipped"


@pytest.fixture
def begun(folder: Path) -> Path:
    output_of("config", "init", *SWEDEN, CHARGEBACK_CONFIG_DIR=str(folder))
    return folder


def run(folder: Path, *words: str, stdin: str = "") -> tuple[int, str, str]:
    return chargeback("config", *words, stdin=stdin.encode(), CHARGEBACK_CONFIG_DIR=str(folder))


def read(folder: Path, name: str) -> Any:
    return yaml.safe_load(path_of(folder, name).read_text("utf-8"))


def company(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted((folder / "company").iterdir())}


def test_init_writes_what_validate_has_no_complaint_about(shipped: Path) -> None:
    folder = shipped
    code, output, errors = run(folder, "init", *SWEDEN, "--json")
    written = DOCUMENTS["config init"], json.loads(output)
    checked = run(folder, "validate")

    assert (code, errors, checked[0]) == (0, "", 0)
    assert written[1]["files"] == sorted(company(folder))
    assert {each["perMillion"] for each in written[1]["prices"]} == {"2.75", "0.275", "16.5"}
    assert "search is paid by search\n" in checked[1]
    assert [line for line in checked[2].splitlines() if "rate-card.yaml" not in line] == []
    assert all(
        text.startswith(f"# yaml-language-server: $schema=../schemas/{name[:-5]}.json\n")
        for name, text in company(folder).items()
    )
    assert not load_alerts(folder).plan.unheard()


def test_init_asks_for_what_no_option_says_and_again_after_a_wrong_answer(folder: Path) -> None:
    code, output, asked = run(folder, "init", stdin="moon\nfrancecentral\ngpt-5.4\nGlobalStandard\n???\nR & D\n")

    assert code == 0, asked
    assert "'moon' is not offered with a price; there are australiaeast" in asked
    assert "gpt-5.4-mini as GlobalStandard: input_tokens" in asked
    assert "'???' has no letter a-z and no digit to make an id of: give another name" in asked
    assert "gpt-5.4 2026-03-05 as GlobalStandard in francecentral" in output
    assert read(folder, "gateway.yaml")["subscriptions"] == [
        {"id": "r-d", "name": "R & D", "product": "standard", "smokeTest": True}
    ]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--region", "moon"), "'moon' is not offered with a price; there are australiaeast"),
        (("--region", "swedencentral", "--model", "whisper"), "'whisper' is not offered with a price; there are gpt"),
        (("--region", "swedencentral", "--model", "gpt-5.4", "--type", "Standard"), "there are GlobalStandard"),
        (("--region", "swedencentral", "--model", "gpt-5.4"), "nobody answers here: add --type"),
        ((*SWEDEN[:-1], "\u2603"), "has no letter a-z and no digit"),
    ],
)
def test_what_is_not_offered_is_refused_and_nothing_is_written(
    folder: Path, words: tuple[str, ...], reason: str
) -> None:
    code, _, errors = run(folder, "init", *words)

    assert code == ExitCode.USAGE
    assert reason in errors
    assert not (folder / "company").exists()


def test_init_writes_over_nothing_unless_it_is_told_to(begun: Path) -> None:
    before = company(begun)

    refused = run(begun, "init", *SWEDEN[:-1], "Sales")
    untouched = company(begun)
    replaced = run(begun, "init", *SWEDEN[:-1], "Sales", "--overwrite")

    assert refused[0] == ExitCode.USAGE
    assert "--overwrite replaces" in refused[2]
    assert untouched == before
    assert replaced[0] == 0
    assert read(begun, "cost-centres.yaml")["costCentres"] == [{"path": "sales", "name": "Sales"}]


def test_a_folder_without_the_providers_files_is_named(tmp_path: Path) -> None:
    code, _, errors = run(tmp_path, "init", *SWEDEN)

    assert code == ExitCode.FAILED
    assert "provider has no models.yaml, rate-card.yaml" in errors


def test_what_init_writes_of_the_api_is_what_the_example_has(begun: Path) -> None:
    ours, example = read(begun, "gateway.yaml"), read(EXAMPLE_CONFIG, "gateway.yaml")

    for section in ("api", "resilience", "entra"):
        assert ours[section] == example[section]
    for name in ("closing", "reconciliation"):
        assert read(begun, "books.yaml")[name] == read(EXAMPLE_CONFIG, "books.yaml")[name]


def test_a_later_team_never_falls_under_the_rule_of_an_earlier_one(begun: Path) -> None:
    output_of("config", "add", "team", "Support", CHARGEBACK_CONFIG_DIR=str(begun))

    checked = run(begun, "validate")

    assert "search is paid by search\nsupport is paid by support\n" in checked[1]
    assert [each["when"] for each in read(begun, "cost-centres.yaml")["rules"]] == [
        {"subscription": "search"},
        {"subscription": "support"},
    ]


def test_an_addition_keeps_every_line_that_is_there(begun: Path) -> None:
    path = path_of(begun, "cost-centres.yaml")
    path.write_text(path.read_text("utf-8").replace("rules:\n", "rules: # of Ann\n  # first\n"), "utf-8")
    before = company(begun)
    added = [
        ("team", "Support", "--cost-centre", "product/support"),
        ("cost-centre", "corporate/all", "Corporate, all of it"),
        ("model", "gpt-5.4-mini"),
        ("region", "francecentral", "--geography", "home"),
        ("region", "eastus2", "--geography", "america", "--gateway"),
        ("budget", "search", "--cost-centre", "search", "--amount", "500"),
        ("price", "ea", "--model", "gpt-5.4", "--discount", "12.5", "--source", "EA 1", "--from", "2026-12-01"),
    ]

    for words in added:
        answered = json.loads(output_of("config", "add", *words, "--json", CHARGEBACK_CONFIG_DIR=str(begun)))
        assert answered["files"]
        assert answered["added"]

    after = company(begun)
    for name, text in before.items():
        kept = iter(after[name].splitlines())
        grown = [line for line in text.splitlines() if "regions: [" not in line]
        assert all(any(line == each for each in kept) for line in grown), name
    assert run(begun, "validate")[0] == 0
    assert {each["account"]: each["priority"] for each in read(begun, "deployments.yaml")["accounts"]} == {
        "oai-swedencentral": 1,
        "oai-francecentral": 2,
        "oai-eastus2": 1,
    }
    assert [each["name"] for each in read(begun, "deployments.yaml")["deploymentSets"]["eastus2"]] == [
        "gpt-5.4",
        "gpt-5.4-mini",
    ]


def test_a_region_in_which_a_model_has_another_type_is_said_to_process_calls_elsewhere(begun: Path) -> None:
    output = output_of("config", "add", "region", "uksouth", "--geography", "home", CHARGEBACK_CONFIG_DIR=str(begun))

    assert "gpt-5.4: not as DataZoneStandard, which is not offered there with a price, but as GlobalStandard;" in output


def test_a_region_has_each_deployment_under_the_name_that_callers_ask_for(begun: Path) -> None:
    for words in (("model", "gpt-5.4", "--type", "GlobalStandard", "--name", "chat"), ("region", "francecentral")):
        more = () if words[0] == "model" else ("--geography", "home")
        output_of("config", "add", *words, *more, CHARGEBACK_CONFIG_DIR=str(begun))

    sets = read(begun, "deployments.yaml")["deploymentSets"]
    assert [(each["name"], each["type"]) for each in sets["francecentral"]] == [
        ("gpt-5.4", "DataZoneStandard"),
        ("chat", "GlobalStandard"),
    ]
    assert sets["francecentral"] == sets["swedencentral"]


@pytest.mark.parametrize(
    "words",
    [("team", "Search"), ("model", "gpt-5.4"), ("region", "uksouth", "--geography", "home"), ("cost-centre", "a", "A")],
)
def test_nothing_is_added_before_there_is_a_company(folder: Path, words: tuple[str, ...]) -> None:
    code, _, errors = run(folder, "add", *words)

    assert (code, "config/company says nothing yet: `chargeback config init` writes" in errors) == (1, True), errors
    assert not (folder / "company").exists()


def test_a_misspelt_file_is_refused_with_the_name_that_it_may_mean(begun: Path) -> None:
    (begun / "company" / "budget.yaml").write_text("budgets: []\n", "utf-8")

    code, _, errors = run(begun, "validate")

    assert (
        code,
        errors.count("config/company/budget.yaml: nothing reads a file of this name; is it budgets.yaml?"),
    ) == (
        ExitCode.FAILED,
        1,
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("team", "Search"), "'search' is there already, and its rule, too"),
        (("team", "Others", "--id", "search"), "'search' is another team's"),
        (("team", "X", "--id", "a b"), "'a b' may have letters"),
        (("region", "francecentral", "--geography", "a|b"), "'a|b' may have letters"),
        (("team", "X", "--product", "gold"), "there is no product 'gold'"),
        (("cost-centre", "search", "Search"), "'search' is there already"),
        (("cost-centre", "a//b", "Twice"), "cost-centres.yaml:"),
        (("model", "gpt-5.4"), "'gpt-5.4' is there already"),
        (
            ("model", "gpt-9"),
            "gpt-9 is not offered with a price at oai-swedencentral in swedencentral; models.yaml says what is",
        ),
        (("model", "gpt-5.4-mini", "--account", "elsewhere"), "there is no 'elsewhere'"),
        (("region", "swedencentral", "--geography", "home"), "swedencentral has an account already"),
        (("region", "moon", "--geography", "home"), "none of gpt-5.4 is offered there"),
        (("budget", "b", "--cost-centre", "nowhere", "--amount", "5"), "budgets.yaml:"),
        (
            ("price", "p", "--model", "gpt-5.4", "--discount", "900", "--source", "s", "--from", "2026-12-01"),
            "discount",
        ),
    ],
)
def test_an_addition_that_cannot_be_is_refused_and_no_file_changes(
    begun: Path, words: tuple[str, ...], reason: str
) -> None:
    before = company(begun)

    code, _, errors = run(begun, "add", *words)

    assert code == ExitCode.FAILED
    assert reason in errors
    assert company(begun) == before


def test_an_addition_that_was_interrupted_is_completed_by_the_next_run(begun: Path) -> None:
    centres = path_of(begun, "cost-centres.yaml").read_text("utf-8")
    output_of("config", "add", "team", "Support", CHARGEBACK_CONFIG_DIR=str(begun))
    whole = company(begun)
    path_of(begun, "cost-centres.yaml").write_text(centres, "utf-8")  # the second of the two files was not written

    output_of("config", "add", "team", "Support", CHARGEBACK_CONFIG_DIR=str(begun))

    assert company(begun) == whole


def test_a_hostile_name_is_text_in_the_files(begun: Path) -> None:
    name = "=HYPERLINK(1) # {x: y}\u00fc"

    output_of("config", "add", "team", name, "--id", "odd", CHARGEBACK_CONFIG_DIR=str(begun))

    assert read(begun, "gateway.yaml")["subscriptions"][1]["name"] == name


PAGE = (Path(__file__).parents[2] / "docs/configuration.md").read_text("utf-8")
COMMANDS = re.findall(r"^chargeback (.+)$", "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)), re.MULTILINE)


def test_the_commands_of_the_page_on_configuration_work_one_after_the_other(folder: Path) -> None:
    for command in COMMANDS:
        words = shlex.split(command, comments=True)
        code, _, errors = chargeback(*words, CHARGEBACK_CONFIG_DIR=str(folder))
        assert code == 0, f"{command}: {errors}"

    assert {words.split()[2] for words in COMMANDS if words.startswith("config add")} == {
        "team",
        "cost-centre",
        "model",
        "region",
        "budget",
        "list-price",
        "price",
    }


def test_a_model_that_only_the_company_has_a_price_for_can_be_added(begun: Path) -> None:
    price = ("--per-million", "input_tokens=1", "--per-million", "cached_input_tokens=0.1", "--per-million")
    known = ("--type", "GlobalStandard", *price, "output_tokens=8", "--source", "a test", "--from", "2026-01-01")
    refused = run(begun, "add", "model", "gpt-5.2")
    output_of("config", "add", "list-price", "gpt-5.2", *known, CHARGEBACK_CONFIG_DIR=str(begun))

    added = output_of("config", "add", "model", "gpt-5.2", "--json", CHARGEBACK_CONFIG_DIR=str(begun))

    assert refused[0] == ExitCode.FAILED
    assert "output_tokens 8 USD per million" in json.loads(added)["added"][0]
