"""Which commands and files remedy each thing that the domain finds; the domain itself knows no commands."""

from chargeback.domain.usage.states import LineState

AUDIT = "run `chargeback audit --day …` and see why"
APPROVE = "look at its draft, then `chargeback periods approve {}`"
ADD_RATE = "add the month's rate to books.yaml, then `chargeback config apply`"
OVERRIDE = "or close it as it is, on the record: --override --reason TEXT"

VERIFY = (
    "see `unverified` in the manifest of the draft: compare the prices with an invoice or the provider's list, set"
    " `verified` in the rate card, then `chargeback config apply`"
)

_SETTLE = "run `chargeback settle`, and see why the gateway's log has no counts"

REMEDY_OF_STATE = {
    LineState.UNSETTLED: _SETTLE,
    LineState.ESTIMATED: _SETTLE,
    LineState.UNPRICED: "add the prices or deployments to config/, then `chargeback config apply`",
}
