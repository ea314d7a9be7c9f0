"""Journals: what a month is in the general ledger, from closed charges to the answer of the ERP."""
