"""The catalogue finds the deployment that a backend served and the price in force for it."""

from dataclasses import replace
from datetime import datetime

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.prices import LONG_CONTEXT, context_variant
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.domain.usage.tiers import normal_tier
from tests.support.catalogues import START, catalogue, dated, price_in_force, usage_line

PLAIN = dated(Meter.INPUT, (START, "2.50"))


def price_of(line: Line, *prices: dict, at: datetime = START, **deployment: str) -> str | None:
    price = catalogue(*prices, **deployment).find_price(line, Meter.INPUT, at)
    return None if price is None else str(price.per_million)


@pytest.mark.parametrize(
    ("backend", "found"),
    [
        ("oai-eastus2.openai.azure.com", True),
        ("oai-eastus2-abc123.openai.azure.com", True),
        ("OAI-EastUS2-abc.openai.azure.com", True),
        ("oai-eastus2-a-b.privatelink.openai.azure.com:443", True),
        ("oai-eastus.openai.azure.com", False),
        ("oai-eastus22.openai.azure.com", False),
        ("oai-eastus2x-abc.openai.azure.com", False),
        ("x-oai-eastus2.openai.azure.com", False),
        ("", False),
    ],
)
def test_a_backend_belongs_to_the_account_whose_whole_name_its_host_begins_with(backend: str, *, found: bool) -> None:
    assert (catalogue(PLAIN).deployment(backend, "gpt-4o", START) is not None) is found


def test_the_deployment_name_is_compared_without_regard_to_case() -> None:
    found = catalogue(PLAIN).deployment("oai-eastus2.openai.azure.com", "GPT-4o", START)

    assert found is not None
    assert found.version == "2024-11-20"


def test_the_answered_snapshot_decides_and_not_the_map() -> None:
    old = dated(Meter.INPUT, (START, "5.00"), version="2024-05-13")
    new = dated(Meter.INPUT, (START, "2.50"), version="2024-11-20")

    assert price_of(usage_line(model="gpt-4o-2024-05-13"), old, new) == "5.00"
    assert price_of(usage_line(model="gpt-4o"), old, new) == "2.50"
    assert price_of(usage_line(model=""), old, new) == "2.50"


def test_the_price_of_a_region_beats_the_general_one() -> None:
    here = dated(Meter.INPUT, (START, "2.75"), region="eastus2")
    there = dated(Meter.INPUT, (START, "3.00"), region="westus3")

    assert price_of(usage_line(), PLAIN, here, there) == "2.75"


@pytest.mark.parametrize("tier", ["", "auto", "standard", "default"])
def test_the_default_tier_has_several_names(tier: str) -> None:
    assert normal_tier(tier) == "default"
    assert price_of(usage_line(service_tier=tier), PLAIN) == "2.50"


def test_the_tier_that_served_the_call_is_charged_and_none_stands_in_for_it() -> None:
    priority = dated(Meter.INPUT, (START, "4.25"), service_tier="priority")

    assert price_of(usage_line(service_tier="priority"), PLAIN, priority) == "4.25"
    assert price_of(usage_line(service_tier="flex"), PLAIN, priority) is None


def test_usage_before_the_first_and_after_the_last_price_has_none() -> None:
    end = START.replace(year=2025)
    closed = dated(Meter.INPUT, (START, "2.50"), end=end)

    assert price_of(usage_line(), closed, at=START.replace(year=2023)) is None
    assert price_of(usage_line(), closed, at=end) is None


def test_a_long_context_costs_more_only_where_the_model_has_such_a_price() -> None:
    long = dated(Meter.INPUT, (START, "5.00"), variant=LONG_CONTEXT)

    assert price_of(usage_line(variant=LONG_CONTEXT), PLAIN, long) == "5.00"
    assert price_of(usage_line(variant=LONG_CONTEXT), PLAIN) == "2.50"
    assert price_of(usage_line(), PLAIN, long) == "2.50"


def test_a_picture_of_another_size_has_no_price() -> None:
    square = dated(Meter.INPUT, (START, "1.00"), variant="1024x1024/standard")

    assert price_of(usage_line(variant="512x512/standard"), PLAIN, square) is None


@pytest.mark.parametrize(
    ("quantities", "variant"),
    [
        ({Meter.INPUT: 272_000, Meter.OUTPUT: 50_000}, ""),
        ({Meter.INPUT: 1, Meter.CACHED_INPUT: 272_000}, LONG_CONTEXT),
    ],
)
def test_a_context_is_long_above_272000_input_tokens_of_any_kind(quantities: Quantities, variant: str) -> None:
    assert context_variant(quantities) == variant


def test_equal_meaning_has_an_equal_digest_and_any_difference_another() -> None:
    output = dated(Meter.OUTPUT, (START, "10.00"))
    rules = (Rule("a", {"subscription": "search"}, "product/search"), Rule("b", {"product": "x"}, "research"))
    digest = catalogue(PLAIN, output, rules=rules).digest

    assert digest == catalogue(output, dated(Meter.INPUT, (START, "2.5")), rules=rules).digest
    assert digest != catalogue(PLAIN, output, rules=rules[::-1]).digest
    assert digest != catalogue(dated(Meter.INPUT, (START, "2.51")), output, rules=rules).digest
    assert digest != catalogue(PLAIN, output, rules=rules, region="westus3").digest
    assert digest != catalogue(PLAIN, rules=rules).digest


def with_batches(*types: DeploymentType) -> Catalogue:
    """An account with a plain deployment of gpt-4o, one of each of these types, and prices for all of them."""
    of_all = (DeploymentType.GLOBAL_STANDARD, *types)
    card = catalogue(
        *(
            dated(Meter.INPUT, (START, f"{number + 1}.5"), deployment_type=type_)
            for number, type_ in enumerate(sorted(of_all))
        ),
        dated(Meter.TRAINING, (START, "25"), model="gpt-4o-mini", version="2024-07-18"),
    )
    plain = card.deployments["oai-eastus2"]["gpt-4o"]
    named = {f"own-{type_.value.lower()}": replace(plain, name=f"own-{type_.value}", type=type_) for type_ in types}
    deployments = {"oai-eastus2": {"gpt-4o": plain, **named}}
    return Catalogue("USD", card.prices, deployments, card.allocation)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-2024-11-20", "own-globalbatch"])
def test_a_batch_that_names_no_deployment_has_the_price_of_its_account_s_batch_deployment(model: str) -> None:
    line = usage_line(operation="batches", deployment="", model=model)
    of = with_batches(DeploymentType.GLOBAL_BATCH)

    assert price_in_force(of, line, Meter.INPUT, START).price_id.split("/")[3] == "GlobalBatch"
    served = of.deployment(line.backend, "", START, model, "batches")
    assert served is not None
    assert served.name == "own-GlobalBatch"


def test_a_batch_without_a_batch_deployment_is_unpriced_until_the_map_has_one() -> None:
    line = usage_line(operation="batches", deployment="")

    assert with_batches().find_price(line, Meter.INPUT, START) is None
    assert with_batches(DeploymentType.DATA_ZONE_BATCH).find_price(line, Meter.INPUT, START) is not None


def test_a_batch_that_names_no_model_ran_on_the_only_batch_deployment_of_its_account() -> None:
    line = usage_line(operation="batches", deployment="", model="")
    types = DeploymentType.GLOBAL_BATCH, DeploymentType.DATA_ZONE_BATCH

    assert price_in_force(with_batches(types[0]), line, Meter.INPUT, START).price_id.split("/")[3] == "GlobalBatch"
    assert with_batches(*types).find_price(line, Meter.INPUT, START) is None


@pytest.mark.parametrize("model", ["gpt-4o-mini-2024-07-18", "gpt-4o-mini-2024-07-18.ft-0123abc:sales"])
def test_a_training_has_the_price_of_its_base_model_whether_it_is_deployed_or_not(model: str) -> None:
    line = usage_line(operation="fine_tuning.jobs", deployment="", model=model)

    assert price_in_force(with_batches(), line, Meter.TRAINING, START).per_million == 25


def test_only_jobs_are_found_without_the_name_of_a_deployment() -> None:
    line = usage_line(operation="chat.completions", deployment="")

    assert with_batches(DeploymentType.GLOBAL_BATCH).find_price(line, Meter.INPUT, START) is None
