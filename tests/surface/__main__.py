"""Writes the list again: `python -m tests.surface`, over servers that it starts and ends."""

import asyncio
import os
import tempfile
from pathlib import Path

from stack.certificates import make_certificates


def main() -> None:
    """Find everything and write it down."""
    with tempfile.TemporaryDirectory() as folder:
        # What is imported below reads only once which certificates to trust.
        bundle = str(make_certificates(Path(folder) / "certificates").bundle)
        os.environ.update(SSL_CERT_FILE=bundle, REQUESTS_CA_BUNDLE=bundle)
        from tests.surface.whole import write_list

        asyncio.run(write_list(Path(folder)))


main()
