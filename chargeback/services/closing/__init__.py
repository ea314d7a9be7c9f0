"""Billing periods: publishing drafts while they are open, closing them once, correcting closed ones."""
