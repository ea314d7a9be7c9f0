"""Says what the steps of budgets do, in the words of commands and pages."""

from chargeback.domain.budgets.budget import Action

HAPPENS_NOW = {
    Action.NOTIFY: "people are told",
    Action.WARN: "calls are warned",
    Action.SWAP: "calls go to another model",
    Action.THROTTLE: "calls are slowed down",
    Action.BLOCK: "calls are refused",
}
"""What a step does while it is the most severe one that is reached."""

WOULD_HAPPEN = {
    Action.NOTIFY: "people would be told",
    Action.WARN: "calls would be warned",
    Action.SWAP: "calls would go to another model",
    Action.THROTTLE: "calls would be slowed down",
    Action.BLOCK: "calls would be refused",
}
"""The same of a budget that only reports."""

HAPPENED_TO_CALLS = {
    Action.NOTIFY: "told of",
    Action.WARN: "warned",
    Action.SWAP: "swapped",
    Action.THROTTLE: "throttled",
    Action.BLOCK: "refused",
}
"""What became of calls after a step was reached."""
