"""Which deployment was handled last, and whether its configuration was applied or refused; a deploy hook reads it."""

import msgspec

from chargeback.services.ports.control import Control

KIND, NAME = "deployment", "config"


class HandledDeployment(msgspec.Struct, frozen=True, rename="camel"):
    """A deployment whose configuration was handled.

    Attributes:
        digest: tells deployments apart.
        state: `applied` or `refused`.
        at: when, UTC, ISO 8601.
        lines: the diff, or why it was refused.
        more_lines: how many further lines are left out.
    """

    digest: str
    state: str = ""
    at: str = ""
    lines: tuple[str, ...] = ()
    more_lines: int = 0


class Deployments:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def latest(self) -> tuple[HandledDeployment | None, str | None]:
        """The deployment that was handled last, with its token; None and None where there was none."""
        known = await self._control.get_versioned(KIND, NAME)
        return (msgspec.convert(known[0], HandledDeployment), known[1]) if known else (None, None)

    async def swap(self, deployment: HandledDeployment, after: str | None) -> None:
        """Record a deployment. Raises `Superseded` if another one was recorded since `after`."""
        await self._control.swap(KIND, NAME, msgspec.to_builtins(deployment), after)
