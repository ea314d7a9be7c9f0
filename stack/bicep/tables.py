"""Makes the parameter and profile tables of docs/deploy.md from infra/main.bicep and infra/profiles.yaml."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from chargeback.settings import Settings, setting_name
from stack.bicep.files import INFRA, ROOT, Statement, statements
from stack.yaml_text import from_yaml

PAGE = ROOT / "docs/deploy.md"
MARKS = re.compile(
    r"(<!-- (parameters|profiles): made by scripts/document-parameters -->\n).*?(<!-- end -->)", re.DOTALL
)
_FIELDS = {setting_name(name): field for name, field in Settings.model_fields.items()}
"""The settings of the app, which say themselves what they mean, by their names."""

OF_THE_DEPLOYMENT = {"currentMonth"}


def parameters() -> Iterator[str]:
    """A row for each parameter: the azd variable that sets it, its default, its meaning and limits."""
    given = json.loads((INFRA / "main.parameters.json").read_text("utf-8"))["parameters"]
    yield "| Parameter | azd variable | Default | Meaning |"
    yield "|---|---|---|---|"
    for name, item in statements(INFRA / "main.bicep", "param").items():
        if name in OF_THE_DEPLOYMENT:
            continue
        value = given.get(name, {}).get("value", "")
        if isinstance(value, dict) and value:
            yield from (f"| `{name}` | `{each}` | {_default(each)} | {_FIELDS[each].description} |" for each in value)
            continue
        variable = re.match(r"\$\{(\w+)", str(value))
        default = f"`{item.value.strip()}`" if item.has_default else "required"
        shown = f"`{variable[1]}`" if variable else "—"
        yield f"| `{name}` | {shown} | {default} | {_meaning(item)} |".replace("`''`", "empty")


def profiles() -> Iterator[str]:
    """A row for each setting, with its value in each profile."""
    values = from_yaml((INFRA / "profiles.yaml").read_text("utf-8"))
    yield f"| Setting | {' | '.join(values)} |"
    yield f"|---|{'---|' * len(values)}"
    for name, first in next(iter(values.values())).items():
        for part in first if isinstance(first, dict) else [None]:
            found = [profile[name][part] if part else profile[name] for profile in values.values()]
            label = f"{name}.{part}" if part else name
            yield f"| `{label}` | {' | '.join(_shown(value) for value in found)} |"


def _default(setting: str) -> str:
    return f"`{_FIELDS[setting].default}`"


def _meaning(item: Statement) -> str:
    """The description without its first word, and the limits."""
    text = item.decorators["description"][0].split(". ", 1)[1].replace("|", r"\|")
    limits = {name: values[0] for name, values in item.decorators.items() if name.startswith(("minV", "maxV"))}
    return f"{text} From {limits['minValue']} to {limits['maxValue']}." if len(limits) == 2 else text


def _shown(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def rendered(page: str) -> str:
    """The page with new tables."""
    makers = {"parameters": parameters, "profiles": profiles}
    return MARKS.sub(lambda match: match[1] + "\n".join(makers[match[2]]()) + "\n" + match[3], page)


def main(path: Path = PAGE) -> int:
    """Write the page if a table changed."""
    before = path.read_text("utf-8")
    after = rendered(before)
    if after != before:
        path.write_text(after, "utf-8")
        print(f"{path.relative_to(ROOT)}: tables renewed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
