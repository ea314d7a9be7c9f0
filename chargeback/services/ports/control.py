"""The ports for control documents and for the configuration in force.

Every method may raise `StoreUnavailable`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.months import Month

Document = dict[str, Any]


class Control(Protocol):
    """Small documents that steer the product, by kind; each kind has one owner, who alone reads and writes it."""

    async def get(self, kind: str, name: str) -> Document | None:
        """One document."""

    async def get_versioned(
        self, kind: str, name: str, known: tuple[Document, str] | None = None
    ) -> tuple[Document, str] | None:
        """One document with the token of its latest write.

        `known`: what an earlier call returned; returned itself, and not transferred again, while it is the latest.
        """

    async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
        """Set one document and return its new token.

        Raises `Superseded` if `after` is not the token of its latest write; None: it was never written. Where the
        answer to a write is lost, the write may have happened although `Superseded` or `StoreUnavailable` is raised.
        """

    async def all(self, kind: str) -> list[Document]:
        """Every document of a kind, by name."""

    async def names(self, kind: str) -> list[str]:
        """The names of the documents of a kind, ascending."""


@dataclass(frozen=True, slots=True)
class Version:
    """A configuration that is stored by name, so that a period can be rated and settled with it for ever."""

    name: str
    catalogue: Catalogue = field(compare=False)
    terms: Terms = field(compare=False)


@dataclass(frozen=True, slots=True)
class AppliedVersion:
    """Who put a stored configuration in force, and when.

    Attributes:
        name: that of the configuration.
    """

    name: str
    by: str
    at: datetime


class Catalogues(Protocol):
    """Where the catalogue in force comes from."""

    async def current(self) -> Catalogue:
        """The rate card, deployments and cost centres in force."""

    async def in_force(self) -> EffectiveCatalogues:
        """The catalogues that rate usage: the current one and those of closed periods; one object while unchanged."""

    async def frozen(self) -> Mapping[Month, Catalogue]:
        """The catalogues of periods that are closed or being closed, read afresh."""

    async def terms(self) -> Terms:
        """The terms of open periods: exchange rates, shared costs, budgets of every origin, closing rules."""

    async def completed(self, terms: Terms) -> Terms:
        """Terms as files have them, with the budgets that people made beside the files.

        Raises `InvalidConfig` where both cannot hold beside each other.
        """

    async def version(self) -> Version:
        """The configuration in force, read afresh and stored by name; from then on in_force() returns the same."""

    async def stored_version(self, name: str) -> Version:
        """A stored configuration."""

    async def applied_since(self, since: datetime) -> list[tuple[AppliedVersion | None, AppliedVersion]]:
        """The versions that somebody applied since a moment, each after the applied one before it, if there is one."""
