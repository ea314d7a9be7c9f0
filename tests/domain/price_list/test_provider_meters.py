"""Meters of the provider and the SKUs that they stand for."""

from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.price_list.provider_meters import provider_meters, sku_of, skus_of_prices
from chargeback.domain.usage.meters import Meter
from tests.support.catalogues import START, catalogue, dated

KEY = PriceKey("azure-openai", "gpt-4o", "", DeploymentType.GLOBAL_STANDARD, "default", "", "", Meter.INPUT)
LARGE = KEY._replace(model="dall-e-3", variant="1024x1792/hd", meter=Meter.IMAGES)
WIDE = LARGE._replace(variant="1792x1024/hd")


def test_versions_and_regions_of_a_model_are_one_sku() -> None:
    table = provider_meters({"A": [KEY._replace(version="2024-08-06")], "b": [KEY._replace(region="eastus2")]})

    assert table.skus == {"a": sku_of(KEY), "b": sku_of(KEY)}


def test_what_the_provider_bills_by_one_meter_is_compared_as_one() -> None:
    table = provider_meters({"hd": [LARGE, WIDE]})

    assert table.billed_as(sku_of(WIDE)) == table.billed_as(sku_of(LARGE)) == table.skus["hd"]


def test_meters_that_share_a_sku_join_all_of_theirs() -> None:
    square = LARGE._replace(variant="1024x1024/hd")

    table = provider_meters({"one": [WIDE, square], "two": [square, LARGE], "three": [LARGE]})

    assert len({table.billed_as(sku_of(key)) for key in (WIDE, square, LARGE)} | set(table.skus.values())) == 1


def test_a_sku_without_a_meter_is_billed_as_itself() -> None:
    assert provider_meters({}).billed_as(sku_of(KEY)) == sku_of(KEY)


def test_every_price_leads_to_its_sku() -> None:
    prices = catalogue(dated(Meter.INPUT, (START, "2.5")))

    ((price_id, sku),) = skus_of_prices(prices).items()
    assert price_id.startswith("azure-openai/gpt-4o/")
    assert sku == sku_of(KEY)
