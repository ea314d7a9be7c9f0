"""Which answers a gateway gives to the questions that API Management's documentation leaves open.

Each field of `Readings` is one open question. The policies must be right under every answer; where one answer costs
something, the field says what. `docs/operations.md` lists the command that settles each question on Azure.
"""

from dataclasses import dataclass
from typing import Literal

# The names that LastError.Source is documented to have; the others are anybody's guess.
# https://learn.microsoft.com/azure/api-management/api-management-error-handling-policies#predefined-errors-for-policies
_DOCUMENTED = frozenset(
    ["configuration", "authorization", "rate-limit", "quota", "jsonp", "ip-filter", "check-header", "validate-jwt"]
)
# Logs of running gateways call the step that forwards by this name; the others follow the older policy of their kind.
_STEPS = {
    "forward-request": "request-forwarder",
    "rate-limit-by-key": "rate-limit",
    "quota-by-key": "quota",
    "llm-token-limit": "azure-openai-token-limit",
    "validate-azure-ad-token": "validate-jwt",
}
# Reasons that the same page gives to several sources.
_REASONS_OF_MANY = frozenset(
    ["ClientConnectionFailure", "BackendConnectionFailure", "ExpressionValueEvaluationFailure", "Timeout"]
)
_NO_ANSWER = ("BackendConnectionFailure", "Timeout")


@dataclass(frozen=True, slots=True)
class Readings:
    """One answer to each open question."""

    failed_attempt: Literal["answer", "null", "abort"] = "answer"
    """What `retry` sees of a call that got no answer: a response of 5xx, none, or the error ends the retry.

    Under "abort" an account that cannot be reached is not failed over: nothing in a policy can help."""
    open_breaker: Literal["error", "answer"] = "error"
    """Whether the 503 of an open breaker is an error (`on-error` runs) or an answer (`outbound` runs)."""
    counted_failures: Literal["listed", "never", "always"] = "listed"
    """Whether a breaker counts a call without an answer: where `errorReasons` names its reason, never, or always."""
    error_source: Literal["element", "step", "other"] = "element"
    """What LastError.Source is for a policy that the page does not list; under "other" Reason is missing, too."""
    lookups: Literal["many", "once"] = "many"
    """How often a section may read and write cached values. Under "once" a policy whose id begins with `losable`
    is taken out, as it would have to be before the gateway took the document. The product's policies have none."""
    oversize: Literal["413", "500", "throw"] = "413"
    """What a body that is larger than the tier buffers does: it ends the call, or the expression that reads it throws.
    """
    slashes: Literal["kept", "tidied"] = "kept"
    """Whether doubled slashes of a path are made one before an operation is looked for."""
    interval: Literal["each", "once"] = "each"
    """Whether the interval of a `retry` is evaluated before each wait or once."""
    stores: Literal["at once", "later"] = "at once"
    """Whether a stored value can be looked up within the same call; storing is documented as asynchronous."""
    logged: Literal["all", "documented"] = "all"
    """Which calls have a row of token counts: every one that a model answered, or what the page names. It names chat
    completions and Responses (https://learn.microsoft.com/azure/api-management/api-management-howto-llm-logs), and of
    Responses others saw rows only where `input` is a list (https://github.com/elastic/integrations/issues/15826)."""

    def error_reasons(self, listed: tuple[str, ...]) -> tuple[str, ...]:
        """The reasons that open a breaker without a status."""
        return {"listed": listed, "never": (), "always": _NO_ANSWER}[self.counted_failures]

    def source(self, element: str, reason: str) -> str:
        """LastError.Source of an error in `element`."""
        documented = element in _DOCUMENTED or (element == "forward-request" and reason == "Timeout")
        if documented or self.error_source == "element":
            return element
        return _STEPS.get(element, element) if self.error_source == "step" else "policy"

    def reason(self, element: str, reason: str) -> str | None:
        """LastError.Reason of an error in `element`; it need not be there."""
        documented = element in _DOCUMENTED or reason in _REASONS_OF_MANY
        return reason if documented or self.error_source != "other" else None


READINGS = {
    "plain": Readings(),
    "strict": Readings(
        failed_attempt="null",
        open_breaker="answer",
        counted_failures="never",
        error_source="step",
        lookups="once",
        oversize="500",
        slashes="tidied",
        interval="once",
        stores="later",
        logged="documented",
    ),
    "odd": Readings(counted_failures="always", error_source="other", oversize="throw", stores="later"),
}
"""Sets of answers that have every answer at least once, but "abort"."""


def is_small(sku: str) -> bool:
    """Whether a tier has the narrow limits of v2: small buffers, short URLs."""
    return sku.lower().endswith("v2")


def buffer_limit(sku: str) -> int:
    """The bytes of a body that the gateway of a tier can hold: 2 MiB in the v2 tiers, 500 MiB in the classic ones.

    https://learn.microsoft.com/azure/api-management/api-management-gateways-overview#gateway-runtime-limits
    (2026-04-08)
    """
    return 2 * 1024 * 1024 if is_small(sku) else 500 * 1024 * 1024
