"""The evidence of a variance with the file to look into; the domain itself knows no files."""

from chargeback.domain.invoice.reconciliation import CAPACITY, Cause, Variance, VariancePart

_FILES = {Cause.UNMAPPED: "config/company/deployments.yaml"}
_FILES_OF_CAPACITY = {Cause.UNEXPLAINED: "config/company/shared-costs.yaml"}


def evidence_of(variance: Variance, part: VariancePart) -> str:
    """Why a part of a variance is put down to its cause, and which file says otherwise or should say so."""
    file = (_FILES_OF_CAPACITY if variance.sku == CAPACITY else _FILES).get(part.cause)
    return f"{part.evidence}; see {file}" if file else part.evidence
