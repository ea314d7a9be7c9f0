"""The domain tells nobody what to type: commands and their options are known further up."""

import re
from pathlib import Path

import chargeback.domain

TYPED = re.compile(r"(?<![\w-])--[a-z]|run `|`config [a-z]+")


def test_no_text_of_the_domain_says_which_command_to_run() -> None:
    folder = Path(chargeback.domain.__file__).parent
    found = {
        path.relative_to(folder).as_posix(): TYPED.findall(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.py"))
    }

    assert {path: texts for path, texts in found.items() if texts} == {}
