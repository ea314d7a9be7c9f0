"""The company whose files stand in where nobody's own are: a tree with them for the stack, the demo, tests and Bicep.

    python -m stack.example    prints the tree to build: this one where config/company was written, else the example's

What the product's own tree has in config/company is empty and never changes, so that the files of a company never
conflict with an upgrade.
"""

import os
import shutil
from pathlib import Path

from chargeback.adapters.config.folders import written_files

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples/contoso"
TREE = ROOT / "build/example"
_PARTS = ("infra", "apim-policies", "config/provider", "config/schemas")
"""What Bicep reads beside the files of a company."""


def example_tree() -> Path:
    """The tree in which the files of the example are those of the company; it is brought up to date."""
    places = {TREE / part: ROOT / part for part in _PARTS} | {TREE / "config/company": EXAMPLE}
    wanted = {target / path.relative_to(source): path for target, source in places.items() for path in _files(source)}
    for there in _files(TREE):
        if there not in wanted:
            there.unlink()
    for target, source in wanted.items():
        if not target.exists() or target.read_bytes() != source.read_bytes():
            _replace(target, source)
    return TREE


def has_own_company() -> bool:
    """Whether somebody has put files of their own company into config/company."""
    return bool(written_files(ROOT / "config"))


def tree_to_build() -> Path:
    """This tree where it has a company of its own, else that of the example."""
    return ROOT if has_own_company() else example_tree()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _replace(target: Path, source: Path) -> None:
    """Whoever reads the target meanwhile, reads all of the old file or all of the new one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f"{target.name}.{os.getpid()}.new")
    shutil.copyfile(source, half)
    half.replace(target)


EXAMPLE_CONFIG = example_tree() / "config"
"""The configuration of the example: what ships with the product, and the files of the company."""

if __name__ == "__main__":
    print(tree_to_build())
