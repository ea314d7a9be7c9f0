"""Which operation of the API a request meets, by its method and path."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

_DOT = re.compile(r"%2e", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API and the paths it matches."""

    state: dict[str, str]
    pattern: re.Pattern[str]

    @classmethod
    def from_config(cls, entry: dict[str, str]) -> "Operation":
        """The operation of a urlTemplate such as /deployments/{deployment-id}/chat/completions."""
        parts = re.split(r"(\{[^}]+\}|\*)", entry["urlTemplate"].split("?")[0])
        pattern = "".join(_template_part(part) for part in parts)
        names = {
            "Id": entry["id"],
            "Name": entry["name"],
            "Method": entry["method"],
            "UrlTemplate": entry["urlTemplate"],
        }
        # Paths are matched without regard to case, so a policy that compares them must not mind it either.
        return cls(names, re.compile(pattern + "$", re.IGNORECASE))

    def matches(self, method: str, path: str) -> dict[str, str] | None:
        """The matched parameters, or None when the operation is not for this call."""
        if method != self.state["Method"]:
            return None
        match = self.pattern.match(path)
        return None if match is None else {_name(key): unquote(value) for key, value in match.groupdict().items()}


def _template_part(part: str) -> str:
    if part == "*":
        return ".*"
    if part.startswith("{"):
        return f"(?P<p{part[1:-1].encode().hex()}>[^/]+)"
    return re.escape(part)


def _name(group: str) -> str:
    return bytes.fromhex(group[1:]).decode()


def canonical(path: str, *, tidy: bool) -> str:
    """A path as the gateway sees it: dots resolved, and with `tidy` doubled slashes made one.

    .NET's Uri does the former (https://learn.microsoft.com/dotnet/api/system.uri#remarks), escaped dots included;
    it is told to do the latter as well, which nobody has seen.
    """
    parts: list[str] = []
    plain = _DOT.sub(".", path.replace("\\", "/"))
    for part in plain.split("/")[1:]:
        if part == "..":
            parts[-1:] = []
        elif part != ".":
            parts.append(part)
    if plain.endswith(("/.", "/..")):
        parts.append("")
    text = "/" + "/".join(parts)
    return re.sub(r"/{2,}", "/", text) if tidy else text


def below(prefix: str, path: str) -> str | None:
    """The rest of a path that begins with the API's own, in whatever case; None for any other."""
    return path[len(prefix) :] if path.lower().startswith(prefix.lower() + "/") else None
