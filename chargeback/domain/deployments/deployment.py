"""A deployment: its SKU, model and region; and which deployment a job ran on, as jobs name none."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from enum import StrEnum

from chargeback.domain.deployments.served_model import MODEL_ROUTER, base_model, with_version
from chargeback.domain.time.effective import Effective


class DeploymentType(StrEnum):
    """The SKU of a deployment, which decides its prices; the names are Azure's."""

    GLOBAL_STANDARD = "GlobalStandard"
    DATA_ZONE_STANDARD = "DataZoneStandard"
    STANDARD = "Standard"
    GLOBAL_BATCH = "GlobalBatch"
    DATA_ZONE_BATCH = "DataZoneBatch"
    GLOBAL_PROVISIONED_MANAGED = "GlobalProvisionedManaged"
    DATA_ZONE_PROVISIONED_MANAGED = "DataZoneProvisionedManaged"
    PROVISIONED_MANAGED = "ProvisionedManaged"
    DEVELOPER_TIER = "DeveloperTier"


PROVISIONED = frozenset(
    {
        DeploymentType.GLOBAL_PROVISIONED_MANAGED,
        DeploymentType.DATA_ZONE_PROVISIONED_MANAGED,
        DeploymentType.PROVISIONED_MANAGED,
    }
)
"""Types paid by the hour, used or not, as a shared cost: their tokens cost nothing more."""

BATCH = frozenset({DeploymentType.GLOBAL_BATCH, DeploymentType.DATA_ZONE_BATCH})
"""Types that batches run on."""

BATCHES = "batches"
TRAINING_JOBS = "fine_tuning.jobs"
"""The operations of jobs, whose events name no deployment."""

GLOBAL_TRAINING = "globalstandard"
"""The training type whose price is the plain one."""

TRAINED_AS = {"standard": DeploymentType.STANDARD, "developer": DeploymentType.DEVELOPER_TIER}
"""Other training types, as the variants of lines, and the deployment type under which the card has their prices.

Developer training costs half of the global one (learn.microsoft.com/azure/foundry/fine-tuning/cost-management).
"""

TRAININGS = frozenset({GLOBAL_TRAINING, *TRAINED_AS})
"""Every training type, in small letters."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is deployed under a name of an account."""

    account: str
    region: str
    name: str
    model: str
    version: str
    type: DeploymentType
    service_tier: str | None = None
    """At which it serves calls that ask for none
    (learn.microsoft.com/azure/foundry/openai/concepts/priority-processing)."""

    def row(self) -> tuple[str, ...]:
        """All its fields, for digests. Without a tier the row is the one of versions that knew no tiers."""
        *row, tier = astuple(self)
        return (*row, tier) if tier is not None else tuple(row)

    @property
    def is_router(self) -> bool:
        """Whether it hands its prompts to other models."""
        return self.model.casefold() == MODEL_ROUTER


@dataclass(frozen=True, slots=True)
class DatedDeployment:
    """What a deployment name was, or will be, for some time. In that time it counts instead of what is deployed now."""

    deployment: Deployment
    effective: Effective


def job_deployment(deployments: Iterable[Deployment], name: str, model: str, operation: str) -> Deployment | None:
    """The deployment that a job ran on. Azure's answers about batches and trainings name only a model."""
    if name or operation not in (BATCHES, TRAINING_JOBS):
        return None
    served, version = with_version(base_model(model))
    like = sorted(
        (each for each in deployments if served in (each.model, each.name.casefold()) or operation == TRAINING_JOBS),
        key=lambda each: (each.version != version, each.type, each.name),
    )
    if operation == BATCHES:
        ran_on = [each for each in (like if model else deployments) if each.type in BATCH]
        return ran_on[0] if ran_on and (model or len(ran_on) == 1) else None
    if not like:
        return None
    # A model is trained where its account is, whether or not it is deployed there; training is priced globally.
    return replace(like[0], name="", model=served, version=version, type=DeploymentType.GLOBAL_STANDARD)
