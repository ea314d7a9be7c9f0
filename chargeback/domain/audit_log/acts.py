"""What the audit log has entries for: each change that somebody can make."""

from enum import StrEnum


class Act(StrEnum):
    """What somebody did; entries keep the words, so that they can be read when a newer version has others."""

    APPLY_CONFIG = "configuration.apply"
    OVERRIDE_BUDGET = "budget.override"
    CREATE_BUDGET = "budget.create"
    CHANGE_BUDGET = "budget.change"
    REMOVE_BUDGET = "budget.remove"
    REPLAY_BUDGET = "budget.replay"
    APPROVE_PERIOD = "period.approve"
    WITHDRAW_APPROVAL = "period.withdraw-approval"
    CLOSE_PERIOD = "period.close"
    CORRECT_PERIOD = "period.correct"
    TRUE_UP_PERIOD = "period.true-up"
    MAKE_POSTINGS = "postings.make"
    CONFIRM_POSTING = "postings.confirm"
    SET_PLAN = "plan.set"
    INGEST_EVENTS = "events.ingest"
    REPLAY_EVENTS = "events.replay"
    ACCEPT_LOSS = "ledger.accept-loss"
    RETRY_SET_ASIDE = "set-aside.retry"
    REBUILD_OBJECTS = "objects.rebuild"
    TRY_CHANNEL = "alert-channel.try"
    RUN_JOB = "job.run"
    """A day posted, settled or audited, or drafts published, outside of the timers."""
    TIMER = "timer.run"
    """What a timer changed."""
