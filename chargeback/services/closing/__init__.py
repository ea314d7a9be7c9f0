"""Billing periods: drafts while they are open, closing them once, correcting what was closed."""
