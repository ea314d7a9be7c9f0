"""The roles that people and applications have, as the tokens of Entra name them."""

from enum import StrEnum


class AppRole(StrEnum):
    """What somebody is to the product; an app role of its registration in Entra. Somebody may have several."""

    USER = "Chargeback.User"
    """Sees what was used under the own identity."""
    OWNER = "Chargeback.Owner"
    """Sees the cost centres that the configuration gives to the person or to a group, and what is below them."""
    FINANCE = "Chargeback.Finance"
    """Sees all costs, closes months, corrects them and sets budgets."""
    AUDITOR = "Chargeback.Auditor"
    """Sees everything, the audit log included, and changes nothing."""
    OPERATOR = "Chargeback.Operator"
    """Keeps the product running: sees and repairs what could not be handled, and sees no costs."""
    ADMIN = "Chargeback.Admin"
    """May do all that the others may."""
