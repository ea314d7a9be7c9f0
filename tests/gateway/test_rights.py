"""The simulated accounts allow the gateway what its roles allow, route by route."""

import pytest

from stack.identity.permissions import needed_for
from stack.openai_backends.refusals import Refused
from stack.openai_backends.rights import authorize

PREFIX = "Microsoft.CognitiveServices/accounts/OpenAI"


@pytest.mark.parametrize(
    ("call", "action"),
    [
        ("POST chat/completions", "deployments/chat/completions/action"),
        ("GET chat/completions/chatcmpl-1", "stored-completions/read"),
        ("DELETE chat/completions/chatcmpl-1", "stored-completions/action"),
        ("POST responses", "responses/write"),
        ("POST responses/resp_1/cancel", "responses/write"),
        ("GET responses/resp_1/input_items", "responses/read"),
        ("POST batches", "batch-jobs/write"),
        ("POST batches/batch_1/cancel", "batches/cancel/action"),
        ("GET files/file-1/content", "files/read"),
        ("POST fine_tuning/jobs/ftjob-1/cancel", "fine-tunes/write"),
        ("POST audio/speech", "deployments/audio/action"),
    ],
)
def test_a_route_needs_the_data_action_of_azure(call: str, action: str) -> None:
    method, _, route = call.partition(" ")

    assert needed_for(method, route) == (f"{PREFIX}/{action}",)
    authorize("gateway", method, f"/openai/v1/{route}", route)


def test_a_route_without_a_data_action_is_refused_as_azure_refuses_it() -> None:
    with pytest.raises(Refused, match="Principal does not have access") as caught:
        authorize("gateway", "POST", "/openai/v1/containers", "containers")

    assert caught.value.status == 401


def test_an_identity_that_is_not_of_this_system_has_the_roles_that_others_gave_it() -> None:
    authorize("somebody", "POST", "/openai/v1/containers", "containers")
