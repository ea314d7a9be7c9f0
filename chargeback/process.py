"""Prepares a process: log levels and format, garbage collection thresholds, and leftovers on the temporary disk."""

import gc
import logging

from chargeback.services.running.work_folder import remove_leftovers


def prepare_process() -> None:
    """Call once at start, before any work.

    Logs are lines of JSON (`log_line`), one an invocation; never a prompt, a key or a raw body.
    A batch of events is many small objects without cycles: Python's own thresholds would search them for garbage
    dozens of times a batch, which took about a fifth of the time of ingest.
    What runs that were killed left on the temporary disk is removed.
    """
    for name in ("azure", "azure.core.pipeline.policies.http_logging_policy", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("chargeback").setLevel(logging.INFO)
    remove_leftovers()
    gc.set_threshold(100_000, 20, 100)
