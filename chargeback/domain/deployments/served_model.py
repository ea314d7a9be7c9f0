"""Which model and version served a call, judged from the answer, the deployment map and the rate card."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

ANY = ""
"""Stands for every version or every region in a price's key."""

MODEL_ROUTER = "model-router"
"""The model that hands each prompt to another one; a fee on the prompt comes on top of what that one costs
(azure.microsoft.com/pricing/details/cognitive-services/openai-service)."""

_SNAPSHOT = re.compile(r"(?P<model>.+)-(?P<version>\d{4}-\d{2}-\d{2}|\d{4})")


class DeployedModel(Protocol):
    """What the deployment map says of a deployment."""

    @property
    def name(self) -> str:
        """Its own name, which may look like anything."""

    @property
    def model(self) -> str:
        """What was deployed."""

    @property
    def version(self) -> str:
        """The version of that model."""


def base_model(model: str) -> str:
    """The model that a fine-tuned one was made from: `gpt-4o-2024-08-06` for `gpt-4o-2024-08-06.ft-0123:sales`."""
    return re.split(r"[.:]ft-", model.removeprefix("ft:"), maxsplit=1)[0]


def with_version(model: str) -> tuple[str, str]:
    """A model's name in lower case and its snapshot, if it has one."""
    snapshot = _SNAPSHOT.fullmatch(model.casefold())
    return (snapshot["model"], snapshot["version"]) if snapshot else (model.casefold(), "")


def without_snapshot(model: str) -> str:
    """A model's name without its dated snapshot, in lower case: `gpt-4o` for `gpt-4o-2024-11-20`."""
    return with_version(model)[0]


def served_by(answered: str, deployed: DeployedModel) -> tuple[str, str]:
    """Model and version that served a call; the version is `ANY` where nobody says it.

    The answer knows best, also after the deployment was upgraded on its own. But Responses answer with the name of the
    deployment (openai/openai-python #3271): a name that is no snapshot of what is deployed says nothing.
    """
    model, version = with_version(answered)
    mapped = deployed.model.casefold()
    is_name = answered.casefold() == deployed.name.casefold()
    if not answered or (is_name and model != mapped):
        return mapped, deployed.version
    if version:
        return model, version
    return model, deployed.version if model == mapped else ANY


def versions_priced(keys: Iterable[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    """Model → the versions that have prices, the latest first, from pairs of both."""
    found: dict[str, set[str]] = {}
    for model, version in keys:
        found.setdefault(model, set()).add(version)
    return {model: tuple(sorted(versions, reverse=True)) for model, versions in found.items()}
