"""Logs which libraries a worker runs on when it starts."""

import logging
import platform

import azure.functions as func

from chargeback.log_line import log_line

log = logging.getLogger(__name__)


def say_started() -> None:
    """Log the versions and where the Functions library comes from.

    Up to Python 3.12 the worker has a copy of its own, which it prefers to that of the package unless
    PYTHON_ISOLATE_WORKER_DEPENDENCIES says otherwise (Azure/azure-functions-python-worker, issue 1642).
    """
    log_line(log, "worker_started", python=platform.python_version(), library=func.__version__, path=func.__file__)
