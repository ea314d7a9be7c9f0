"""Which operation a logged address is of, whatever path the API of the gateway has."""

import pytest

from chargeback.domain.usage.operations import names_stored_object, operation_and_deployment

HOST = "https://gateway.example"


@pytest.mark.parametrize(
    ("path", "operation", "deployment"),
    [
        ("/openai/v1/chat/completions?api-version=preview", "chat.completions", ""),
        ("/openai/deployments/gpt%2D4o/chat/completions", "chat.completions", "gpt-4o"),
        ("/ai/openai/v1/responses", "responses", ""),
        ("/team-chat/deployments/gpt-4o/embeddings", "embeddings", "gpt-4o"),
        ("/team-chat/v1/audio/speech", "audio.speech", ""),
        ("/openai/OpenAI/v1/chat/completions", "unknown", ""),
        ("/team-chat/anything", "unknown", ""),
    ],
)
def test_what_stands_before_the_path_of_azure_openai_is_the_apis_own(
    path: str, operation: str, deployment: str
) -> None:
    assert operation_and_deployment(HOST + path) == (operation, deployment)


@pytest.mark.parametrize("above", ["/openai/v1", "/ai/openai", "/team-chat/v1"])
def test_a_stored_object_is_known_below_any_api(above: str) -> None:
    assert names_stored_object(f"{HOST}{above}/responses/resp_1")
    assert not names_stored_object(f"{HOST}{above}/responses")
