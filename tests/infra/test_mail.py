"""The mail of alerts is a deployment of its own, which gives the functions the right to send and nobody else."""

import pytest

from stack.bicep.compiler import MAIL, build, found
from stack.bicep.files import INFRA, ROOT, read, statements

FILE = INFRA / "mail.bicep"


def test_the_functions_alone_may_send() -> None:
    roles = [item for item in read(FILE) if item.kind == "resource" and "roleAssignments@" in item.target]

    assert [item.name for item in roles] == ["maySend"]
    assert "principalId: identity.properties.principalId" in roles[0].source
    assert "scope: service" in roles[0].source


def test_its_outputs_are_what_the_deployment_of_the_product_takes() -> None:
    parameters = (INFRA / "main.parameters.json").read_text("utf-8")

    for name in statements(FILE, "output"):
        assert f"${{{name}=}}" in parameters


def test_the_document_says_how_to_deploy_it() -> None:
    assert "--template-file infra/mail.bicep" in (ROOT / "docs/alerts.md").read_text("utf-8")


@pytest.mark.skipif(found() is None, reason="there is no Bicep compiler here")
def test_the_compiler_has_nothing_to_say_about_it() -> None:
    assert MAIL == FILE
    assert len(build(MAIL)["resources"]) >= 4
