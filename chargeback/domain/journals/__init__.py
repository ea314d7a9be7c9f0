"""What a month is in the general ledger: posting rules, journal documents that balance, accruals and plans."""
