"""`chargeback config upgrade`: brings a configuration of an earlier layout into the present one."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from chargeback.cli.answers import Answer, answer
from chargeback.cli.config import read_whole
from chargeback.cli.options import Json, Overwrite, refuse_existing
from chargeback.settings import DEPLOYED_CONFIG

app = typer.Typer(no_args_is_help=True)


class UpgradedConfig(Answer, frozen=True):
    """What `config upgrade` wrote.

    Attributes:
        files: their places below the folder.
        notes: what has another form now, a line each.
    """

    folder: str
    files: tuple[str, ...]
    notes: tuple[str, ...]


@app.command()
def upgrade(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A configuration of an earlier layout; it stays as it is.")
    ],
    out_dir: Annotated[Path, typer.Option("--out-dir", metavar="FOLDER", help="Where to write the present layout.")],
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Bring files of an earlier layout forward.

    No amount changes: the rate card keeps the prices that you had. Copy company/ alone to take the shipped ones.

    Example: chargeback config upgrade ../old/config --out-dir upgraded
    """
    from chargeback.adapters.config.earlier_layout import bring_forward

    refuse_existing(out_dir, overwrite=overwrite)
    found = bring_forward(folder, DEPLOYED_CONFIG)
    with tempfile.TemporaryDirectory(prefix="chargeback-upgrade-") as name:
        trial = Path(name, out_dir.name or "config")
        for place, text in found.texts.items():
            (trial / place).parent.mkdir(parents=True, exist_ok=True)
            (trial / place).write_text(text, "utf-8")
        read_whole(trial)
        shutil.copytree(trial, out_dir, dirs_exist_ok=True)
    upgraded = UpgradedConfig(str(out_dir), tuple(sorted(found.texts)), tuple(found.notes))
    answer(upgraded, _said(upgraded), as_json=as_json)


def _said(found: UpgradedConfig) -> Iterator[str]:
    yield from found.notes
    yield f"{found.folder}: {', '.join(found.files)}"
    yield (
        f"next: copy {found.folder}/company to config/company, and look at `chargeback config diff`: it shows what the"
        " shipped prices would change in open periods"
    )
