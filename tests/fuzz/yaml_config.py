"""Configuration: valid files with something hostile in them are read, or refused naming the file and the line."""

import re
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import yaml

from chargeback.adapters.config.catalogue import FILES, OPTIONAL_FILES, load_catalogue
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.terms import load_terms
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.coverage import unpriced_deployments
from stack.example import EXAMPLE_CONFIG
from tests.fuzz.mutations import damaged, mutated
from tests.support.config_files import config_folder

_TEXTS = {name: path_of(EXAMPLE_CONFIG, name).read_bytes() for name in (*FILES, *OPTIONAL_FILES)}
_DOCUMENTS = {name: yaml.load(text, yaml.CSafeLoader) for name, text in _TEXTS.items()}
_NODES = [
    b"? [a, b]\n: 1\n",
    b"null: 1\n",
    b"1.5: 1\n",
    b"true: 1\n",
    b"x: !!float x\n",
    b"x: !!int x\n",
    b"x: !!binary x\n",
    b"x: !!timestamp x\n",
    b"x: !!set {a, b}\n",
    b"x: &a [*a]\n",
    b"x: !!python/object:os.system x\n",
    b"x: .nan\n",
    b"x: 0o9\n",
    b"x: 9999-12-31T23:59:59.999999-12:00\n",
    b"x: 0001-01-01T00:00:00+12:00\n",
    b"<<: 1\n",
    b"x: " + b"[" * 2000 + b"\n",
    b"%YAML 9.9\n---\n",
    b"\xff\xfe",
]
_PLACE = re.compile(r"[\w-]+\.yaml(:\d+)?: ")


def attempt(random: Random) -> None:
    """Change one file and load all of them."""
    name = random.choice(list(_TEXTS))
    with TemporaryDirectory() as folder:
        config_folder(Path(folder))
        for each, text in _TEXTS.items():
            path_of(Path(folder), each).write_bytes(text)
        path_of(Path(folder), name).write_bytes(_changed(name, random))
        faults: list[str] = []
        try:
            catalogue = load_catalogue(Path(folder))
            terms = load_terms(Path(folder), catalogue)
        except InvalidConfig as refused:
            faults = refused.faults or [""]
    if faults:
        assert all(map(_PLACE.match, faults)), faults
        return
    unpriced_deployments(catalogue, datetime(2026, 3, 14, tzinfo=UTC))
    for dated in catalogue.prices.values():
        for price in dated:
            assert 0 <= price.per_million < 10**13, price
    for centre in catalogue.allocation.centres:
        assert re.fullmatch(r"[\w.-]+(/[\w.-]+)*", centre.path), centre
    for cost in terms.shared_costs:
        assert cost.price.is_finite(), cost
    for budget in terms.budgets:
        assert budget.amount.is_finite(), budget


def _changed(name: str, random: Random) -> bytes:
    match random.randrange(4):
        case 0:
            return damaged(_TEXTS[name], random)
        case 1:
            lines = _TEXTS[name].splitlines(keepends=True)
            lines.insert(random.randrange(len(lines) + 1), random.choice(_NODES))
            return b"".join(lines)
        case _:
            changed = mutated(_DOCUMENTS[name], random)
            return yaml.dump(changed, allow_unicode=random.random() < 0.5, sort_keys=False).encode(
                "utf-8", "surrogatepass"
            )
