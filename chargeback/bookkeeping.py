"""Wires what makes the books final: the nightly audit, the files of the months, their closing and their journals."""

import os
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from chargeback.recognising import Recognising

if TYPE_CHECKING:
    from chargeback.services.closing.approve_period import Approver
    from chargeback.services.closing.close_period import Closer
    from chargeback.services.closing.explain_corrections import MonthCorrections
    from chargeback.services.closing.find_obstacles import ClosingOutlook
    from chargeback.services.closing.finish_days import ClosingBooks
    from chargeback.services.closing.publish_drafts import Drafts
    from chargeback.services.closing.publish_period import Publisher
    from chargeback.services.journals.accrue import Accruals
    from chargeback.services.journals.make_postings import JournalMaker
    from chargeback.services.journals.plan_month import Planner
    from chargeback.services.periods.periods import Periods
    from chargeback.services.publishing.publish import Writers
    from chargeback.services.publishing.published_rows import Published
    from chargeback.services.usage.audit import Auditor
    from chargeback.services.usage.ledger_parts import LedgerParts


@dataclass
class Bookkeeping(Recognising):
    """The services of the months, made when they are first asked for."""

    @cached_property
    def auditor(self) -> "Auditor":
        """Proves that the books are what the ledger says."""
        from chargeback.services.usage.audit import Auditor

        return Auditor(
            self.ledger,
            self.counter,
            self.books,
            self.control,
            self.catalogues,
            self.poster,
            self.settled_files,
            workers=os.cpu_count() or 1,
        )

    @cached_property
    def ledger_parts(self) -> "LedgerParts":
        """Knows which parts the ledger of an open day has ever had."""
        from chargeback.services.usage.ledger_parts import LedgerParts

        return LedgerParts(self.ledger, self.control)

    @cached_property
    def periods(self) -> "Periods":
        """The state and the order of the billing periods."""
        from chargeback.services.periods.periods import Periods

        return Periods(self.control, self.ledger)

    @cached_property
    def writers(self) -> "Writers":
        """The writers of further files of a period, in addition to the chargeback file, its summary and its charges."""
        from chargeback.services.focus.write_focus import write_focus
        from chargeback.services.focus.write_hub import write_hub
        from chargeback.services.statements.write_statements import write_statements
        from chargeback.services.workbook.write_workbook import write_workbook

        of_hub = (partial(write_hub, scope=self.settings.finops_hub_scope),) if self.settings.finops_hub_url else ()
        return ((write_focus, write_workbook), write_statements, *of_hub)

    @cached_property
    def closing_books(self) -> "ClosingBooks":
        """Makes the days of a period final before it closes."""
        from chargeback.services.closing.finish_days import ClosingBooks

        return ClosingBooks(self.periods, self.books, self.catalogues, self.poster, self.auditor, self.control)

    @cached_property
    def closer(self) -> "Closer":
        """Closes billing periods."""
        from chargeback.services.closing.close_period import Closer

        return Closer(self.closing_books, self.reports, self.closed_reports, self.publisher, self.hub)

    @cached_property
    def closing_outlook(self) -> "ClosingOutlook":
        """Tells what keeps a period from closing."""
        from chargeback.services.closing.find_obstacles import ClosingOutlook

        return ClosingOutlook(self.closing_books, self.reports)

    @cached_property
    def month_corrections(self) -> "MonthCorrections":
        """Tells which closed periods a period corrects."""
        from chargeback.services.closing.explain_corrections import MonthCorrections

        return MonthCorrections(self.periods, self.catalogues, self.reports, self.closed_reports)

    @cached_property
    def publisher(self) -> "Publisher":
        """Writes the files of billing periods."""
        from chargeback.services.closing.publish_period import Publisher

        return Publisher(
            self.settled_days,
            self.control,
            self.catalogues,
            self.periods,
            self.reports,
            self.closed_reports,
            self.settings.report_decimals,
            self.writers,
            keeps_evidence=True,
        )

    @cached_property
    def approver(self) -> "Approver":
        """Approves the drafts of billing periods."""
        from chargeback.services.closing.approve_period import Approver

        return Approver(self.periods, self.catalogues, self.auditor, self.reports)

    @cached_property
    def drafts(self) -> "Drafts":
        """Publishes the periods that are still open."""
        from chargeback.services.closing.publish_drafts import Drafts

        return Drafts(self.closing_books, self.closer)

    @cached_property
    def journals(self) -> "JournalMaker":
        """Makes the journals of closed periods."""
        from chargeback.services.journals.make_postings import JournalMaker

        return JournalMaker(self.control, self.catalogues, self.closed_reports)

    @cached_property
    def accruals(self) -> "Accruals":
        """Makes the accruals of open periods."""
        from chargeback.services.journals.accrue import Accruals

        return Accruals(self.control, self.catalogues, self.reports)

    @cached_property
    def planner(self) -> "Planner":
        """Makes plans from forecasts, and compares months with plans."""
        from chargeback.services.journals.plan_month import Planner

        return Planner(self.control, self.catalogues, self.books, self.reports, self.journals)

    @cached_property
    def published(self) -> "Published":
        """The rows of periods as they were published."""
        from chargeback.services.publishing.published_rows import Published

        return Published(self.control, self.reports, self.closed_reports)
