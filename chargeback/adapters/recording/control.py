"""Has the audit log know each change of a control document that people decide, before it is made.

Nobody can go past it: where no act is under way, such a document is not written.
"""

from chargeback.domain.audit_log.differences import document_digest
from chargeback.domain.audit_log.entry import DocumentFate
from chargeback.domain.errors import Superseded
from chargeback.services.audit_log.open_act import under_way
from chargeback.services.ports.control import Control, Document

RECORDED = frozenset({"period", "true-up", "catalogue", "budget", "budget-override", "journal", "plan", "key-version"})
"""The kinds of documents that say what people decided; the others are what the product works out or remembers."""

IN_FORCE = "current"
"""The only document of the kind `catalogue` that is a decision; the others are versions, kept by their content."""


def is_recorded(kind: str, name: str) -> bool:
    """Whether each change of a document has an entry in the audit log."""
    return kind in RECORDED and (kind != "catalogue" or name == IN_FORCE)


class UnrecordedChangeError(Exception):
    """A defect: something changes a recorded document while no act is under way."""


class RecordedControl:
    """The port `Control` over another one."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.get, self.get_versioned = control.get, control.get_versioned
        self.all, self.names = control.all, control.names

    async def stored_digest(self, named: str) -> str:
        """The digest of a document, by kind and name, as it is stored now."""
        kind, _, name = named.partition("/")
        return document_digest(await self._control.get(kind, name))

    async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
        """Set one document; a recorded one is announced to the act that is under way."""
        if not is_recorded(kind, name):
            return await self._control.swap(kind, name, document, after)
        act = under_way.get()
        if act is None:
            raise UnrecordedChangeError(f"{kind}/{name} is about to be written, and no act is under way")
        found = await self._control.get_versioned(kind, name)
        if (found[1] if found else None) != after:
            raise Superseded(f"{kind}/{name} was written by another run")
        named = f"{kind}/{name}"
        await act.announce(named, found[0] if found else None, document)
        try:
            token = await self._control.swap(kind, name, document, after)
        except Superseded:
            # A write whose answer was lost comes too late, too, when the client tries it again.
            is_ours = await self.stored_digest(named) == document_digest(document)
            act.documents[named] = (DocumentFate.REPLACED if is_ours else DocumentFate.KEPT).value
            raise
        act.documents[named] = DocumentFate.REPLACED.value
        return token
