"""Reads models.yaml, and warns about deployments whose model retires, is closed or is not offered in their region."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.yaml_files import line_number, read
from chargeback.domain.deployments.models import WARN_WITHIN, Models, Retiring, deployed, models_of, retiring
from chargeback.domain.errors import InvalidConfig

NAME = "models.yaml"


def load_models(folder: Path) -> Models:
    """What is known of models; raises `InvalidConfig` with every fault and its line."""
    try:
        return models_of(read(path_of(folder, NAME)))
    except InvalidConfig as error:
        raise InvalidConfig([_with_line(path_of(folder, NAME), fault) for fault in error.faults]) from None


def find_retiring(folder: Path, today: date, within: timedelta = WARN_WITHIN) -> list[Retiring]:
    """The deployments of the folder whose model retires soon."""
    return list(retiring(load_models(folder), read(path_of(folder, "deployments.yaml")), today, within))


def notes_on_models(folder: Path, today: date) -> Iterator[str]:
    """Warnings about deployments whose model will soon be gone or may not be available, as far as models.yaml knows."""
    models, document = load_models(folder), read(path_of(folder, "deployments.yaml"))
    for account, item in deployed(document):
        what = f"{account['account']}/{item['name']}"
        known = models.find(item["model"], item["version"])
        if known is None:
            yield f"{what}: models.yaml does not know {item['model']} {item['version']}: add it, with its source"
        elif not known.is_offered(item["type"], account["region"]):
            yield f"{what}: {known} as {item['type']} is not offered in {account['region']}, as models.yaml has it"
    yield from map(str, retiring(models, document, today))


def _with_line(path: Path, fault: str) -> str:
    place = fault.partition(": ")[0]
    return f"{path.name}:{line_number(path, place)}: {fault}" if path.exists() and place.startswith("models") else fault
