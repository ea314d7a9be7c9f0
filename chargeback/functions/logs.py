"""What is logged: an event name and fields, one line an invocation; never a prompt, a key or a raw body."""

import logging


def configure_logging() -> None:
    """Silence what the Azure libraries say about each of their requests."""
    for name in ("azure", "azure.core.pipeline.policies.http_logging_policy", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("chargeback").setLevel(logging.INFO)
