"""Collects what is told together: a digest is created once with its members, and each turn then belongs to it."""

from datetime import datetime, timedelta

from chargeback.domain.alerts.alert import Alert, TurnKind
from chargeback.domain.alerts.digests import DigestMember, collected, following
from chargeback.domain.alerts.telling import Telling, joined, waiting
from chargeback.services.alerts.letters import AlertLetter
from chargeback.services.ports.outbox import Digests, KeptDigest, Outbox

SOON = timedelta(seconds=5)
"""What a digest does not hold waits so long for the next one, so that everything that is left comes together in it."""


class DigestCollector:
    """Settles which turns which digest tells."""

    def __init__(self, outbox: Outbox, digests: Digests) -> None:
        self._outbox = outbox
        self._digests = digests

    async def settle(self, alert: Alert, turn: TurnKind, channel: str, now: datetime) -> None:
        """Have a turn told in the digest for which it waits, or in the next one where that one does not hold it.

        A digest that was created and then never told of is found again by its members, which still wait for it.
        """
        digest_id = alert.turns[turn].tellings[channel].digest
        kept = await self._digests.get(digest_id) or await self._create(digest_id, alert, channel, now)
        holds = DigestMember(alert.id, turn) in kept.digest.members

        def mark(telling: Telling) -> Telling | None:
            if telling.is_over or telling.digest != digest_id:
                return None
            return joined(telling, now) if holds else waiting(now + SOON, following(digest_id))

        await AlertLetter(self._outbox, alert.id, turn, channel).mark(mark)

    async def _create(self, digest_id: str, alert: Alert, channel: str, now: datetime) -> KeptDigest:
        """The digest of all that wait for it; the one that another run created first, if one did."""
        found = {kept.alert.id: kept.alert for kept in await self._outbox.waiting_for(digest_id)}
        digest = collected(digest_id, channel, (found | {alert.id: alert}).values(), now)
        kept = await self._digests.create(digest) or await self._digests.get(digest_id)
        assert kept is not None
        return kept
