"""Which resource is created before which; a dependency on a resource that a profile leaves out does not count."""

import re

import pytest

from stack.bicep.files import INFRA, Statement, statements

MODULES = statements(INFRA / "main.bicep", "module")


def needs(module: Statement) -> set[str]:
    """The modules that a module names: in its values, or as what it depends on."""
    return {word for word in re.findall(r"\b[A-Za-z]\w*\b", without_comments(module)) if word in MODULES} - {
        module.name
    }


def without_comments(module: Statement) -> str:
    return re.sub(r"//.*", "", re.sub(r"'[^']*'", "", module.source))


def always(module: Statement) -> bool:
    """Whether every profile makes a module: it has no condition, and no loop over what only some profiles have."""
    head = without_comments(module).split("{")[0]
    return "if (" not in head and not re.search(r"networkIds|privateNetwork", module.source.split("params:")[0])


def made_before(name: str) -> set[str]:
    """The modules that are there before one begins, in the barest profile."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        for other in needs(MODULES[ahead.pop()]):
            if other not in found and always(MODULES[other]):
                found.add(other)
                ahead.append(other)
    return found


@pytest.mark.parametrize(
    ("name", "before"),
    [
        # The metric alerts name the gateway, the models and the stores; a rule on what does not exist is refused.
        ("operations", {"gatewayServices", "models", "stores", "pipeline", "monitoring"}),
        # The roles of the gateway's identity are given on the topic, the models and the vault of its certificate.
        ("gatewayServices", {"roles", "customRoles", "models", "stores", "pipeline"}),
        ("roles", {"customRoles", "models", "stores", "pipeline"}),
    ],
)
def test_what_a_module_acts_on_is_made_before_it_in_every_profile(name: str, before: set[str]) -> None:
    assert before <= made_before(name)


def test_a_module_that_some_profiles_leave_out_makes_no_order() -> None:
    assert not always(MODULES["privateEndpoints"])
    assert always(MODULES["roles"])
