"""Which deployments the rate card forgot."""

from datetime import datetime

from chargeback.domain.catalogue import PROVISIONED, Catalogue, Deployment, DeploymentType
from chargeback.domain.served import ANY


def without_price(catalogue: Catalogue, now: datetime) -> list[Deployment]:
    """The deployments for which no meter has a price at `now`, in the order of the map."""
    priced = {
        (key.model, key.version, key.deployment_type, key.region)
        for key, dated in catalogue.prices.items()
        if any(
            price.effective_from <= now and (price.effective_to is None or now < price.effective_to) for price in dated
        )
    }
    deployments = (each for names in catalogue.deployments_at(now).values() for each in names.values())
    return [each for each in deployments if each.type not in PROVISIONED and not _covers(priced, each)]


def _covers(priced: set[tuple[str, str, DeploymentType, str]], deployment: Deployment) -> bool:
    return any(
        (deployment.model.casefold(), version, deployment.type, region) in priced
        for version in (deployment.version, ANY)
        for region in (deployment.region, ANY)
    )
