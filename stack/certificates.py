"""Makes a certificate authority for one stack, and a bundle with it and the public roots for clients."""

from dataclasses import dataclass
from pathlib import Path

import certifi
import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of one stack: the servers' certificate and key, and what clients have to trust."""

    certificate: Path
    key: Path
    bundle: Path


def make_certificates(directory: Path) -> Certificates:
    """Return the certificates in `directory`, made at the first call."""
    files = Certificates(directory / "server.pem", directory / "server-key.pem", directory / "bundle.pem")
    if all(path.exists() for path in (files.certificate, files.key, files.bundle)):
        return files
    directory.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1", common_name="localhost")
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    files.key.touch(mode=0o600)
    files.key.write_bytes(server.private_key_pem.bytes())
    files.bundle.write_bytes(authority.cert_pem.bytes() + Path(certifi.where()).read_bytes())
    return files
