"""Every kind of control document is one that people decide, which the audit log has, or one that is worked out."""

from chargeback.adapters.recording.control import RECORDED, is_recorded
from tests.test_control_documents import OWNERS

WORKED_OUT = {
    "alert-channel": "how far a channel has been told",
    "audit": "what a recount found; accepting a loss is an act of its own",
    "budget-basis": "what a budget's alert was based on",
    "budget-replay": "what a budget would have done to past usage; asking for it is an act of its own",
    "cost-view": "which file holds the figures of a month",
    "cursor-key": "what links to the next page are sealed with",
    "deployment": "which deployment was looked at; what it brings into force is recorded",
    "draft": "whose attempt publishes",
    "ended-session": "which sign-ins to the pages ended before their time",
    "ledger-parts": "what the ledger of a day had",
    "operation": "what somebody asked for; what it changes is recorded",
    "posting-run": "the last run",
    "reconciliation": "what a comparison with the invoice found",
    "request": "which requests were answered, so that a repeated one gets the same answer",
    "set-aside": "what could not be handled; trying again is an act of its own",
    "settled-month": "which file holds a month",
}
"""Kind → what it is."""


def test_every_kind_is_recorded_or_worked_out() -> None:
    assert set(OWNERS) - RECORDED - WORKED_OUT.keys() == set()
    assert RECORDED & WORKED_OUT.keys() == set()
    assert set(OWNERS) >= RECORDED


def test_of_the_versions_of_the_configuration_the_one_in_force_is_a_decision() -> None:
    assert is_recorded("catalogue", "current")
    assert not is_recorded("catalogue", "1f2e-3d4c")
