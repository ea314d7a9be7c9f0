"""By what costs can be filtered and grouped."""

from enum import StrEnum


class Dimension(StrEnum):
    """Something that every row has a value for, which is an empty string where it does not apply.

    Attributes:
        COST_CENTRE: who pays, a path; a filter by one also finds all below it.
        APPLICATION: the Entra application that called, or the subscription of a caller without one.
        USER: the verified object id of a person, or the name that a call claims where none is verified.
        MODEL: as it answered.
        OPERATION: such as `chat.completions`.
        REGION: where it ran.
        DEPLOYMENT_TYPE: such as `GlobalStandard`.
        METER: what was measured; a shared cost has its kind instead.
        STATE: how well the usage is known, a `LineState`.
        KIND: usage, shared or correction.
        CURRENCY: that of the amounts.
    """

    COST_CENTRE = "cost_centre"
    APPLICATION = "application"
    USER = "user"
    MODEL = "model"
    OPERATION = "operation"
    REGION = "region"
    DEPLOYMENT_TYPE = "deployment_type"
    METER = "meter"
    STATE = "state"
    KIND = "kind"
    CURRENCY = "currency"
