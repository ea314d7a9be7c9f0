"""Which commands and files remedy each thing that the domain finds; the domain itself knows no commands."""

from chargeback.domain.usage.states import LineState

AUDIT = "run `audit --day …` and see why"
OVERRIDE = "or close it as it is, on the record: --override --reason TEXT"

_SETTLE = "run `settle`, and see why the gateway's log has no counts"

REMEDY_OF_STATE = {
    LineState.UNSETTLED: _SETTLE,
    LineState.ESTIMATED: _SETTLE,
    LineState.UNPRICED: "add the prices or deployments to config/, then `config apply`",
}
