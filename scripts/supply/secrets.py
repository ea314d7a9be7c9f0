"""Whether a committed file contains anything that looks like a secret."""

import subprocess
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

PLUGINS = (
    *("ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "GitHubTokenDetector"),
    *("GitLabTokenDetector", "JwtTokenDetector", "KeywordDetector", "NpmDetector", "OpenAIDetector"),
    *("PrivateKeyDetector", "SendGridDetector", "SlackDetector", "TwilioKeyDetector"),
)
RANDOM = ({"name": "Base64HighEntropyString", "limit": 4.5}, {"name": "HexHighEntropyString", "limit": 3.0})
FULL_OF_HASHES = ("requirements*.txt", "package-lock.json")

NOT_SECRET = {
    ("apim-policies/README.md", "Secret Keyword"): "names of settings",
    ("chargeback/recognising.py", "Secret Keyword"): "the name of a secret",
    ("chargeback/services/usage/count_tokens.py", "Hex High Entropy String"): "digests of the rank files",
    ("examples/contoso/alerts.yaml", "Secret Keyword"): "names of secrets",
    ("stack/channels/stand_ins.py", "Secret Keyword"): "the same",
    ("tests/adapters/config/test_alerts.py", "Basic Auth Credentials"): "an address that has to be refused",
    ("stack/site.py", "Base64 High Entropy String"): "the Cosmos DB emulator's key, which Microsoft publishes",
    ("stack/site.py", "Secret Keyword"): "the same",
    ("scripts/showcase/calls.py", "Secret Keyword"): "a key of the local stack",
    ("scripts/showcase/limit.py", "Secret Keyword"): "the same",
    ("scripts/showcase/trials.py", "Secret Keyword"): "the name of a secret",
    ("tests/*", "Secret Keyword"): "keys of the local stack, and made-up ones",
    ("README.md", "Secret Keyword"): "where a key is to be put",
    ("docs/*", "Secret Keyword"): "the same",
    ("infra/calls.yaml", "Secret Keyword"): "names of permissions",
    ("tests/policies/test_account.py", "JSON Web Token"): "a token that the test made, of no issuer",
    ("tests/adapters/config/test_budgets.py", "Hex High Entropy String"): "the digest of terms",
    ("tests/adapters/config/test_folders.py", "Hex High Entropy String"): "digests of the files that ship",
    ("tests/adapters/redis/test_seen.py", "Hex High Entropy String"): "made-up ids of calls",
    ("tests/services/usage/test_count_tokens.py", "Hex High Entropy String"): "digests of the rank files",
}
"""What looks like one and is none, by file and kind, and why."""


def committed(root: Path) -> list[str]:
    """The files that are in version control, or would be."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(listed, cwd=root, text=True).splitlines()
    return [name for name in names if (root / name).is_file()]


def faults(root: Path, names: Iterable[str] | None = None) -> Iterator[str]:
    """What looks like a secret and is not known to be none."""
    chosen = committed(root) if names is None else names
    plain = [name for name in chosen if not any(Path(name).match(pattern) for pattern in FULL_OF_HASHES)]
    plugins = [*({"name": name} for name in PLUGINS), *RANDOM]
    with transient_settings({"plugins_used": plugins, "filters_used": _FILTERS}):
        found = SecretsCollection(root=str(root))
        for name in plain:
            found.scan_file(name)
        for name, secret in found:
            if not any(fnmatch(name, pattern) and secret.type == kind for pattern, kind in NOT_SECRET):
                yield f"{name}:{secret.line_number}: looks like a secret ({secret.type}); see scripts/supply/secrets.py"


_FILTERS = [
    {"path": f"detect_secrets.filters.{name}"}
    for name in (
        "heuristic.is_indirect_reference",
        "heuristic.is_likely_id_string",
        "heuristic.is_not_alphanumeric_string",
        "heuristic.is_potential_uuid",
        "heuristic.is_prefixed_with_dollar_sign",
        "heuristic.is_sequential_string",
        "heuristic.is_templated_secret",
    )
]
