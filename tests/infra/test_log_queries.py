"""Every query parses, names what the tables have, and runs here or is known not to."""

import pytest
from duckdb_kql import KqlUnsupportedError

from scripts.kql.bind import faults
from scripts.kql.engine import Workspace
from scripts.kql.queries import filled, queries, tables

NOT_COVERED = {
    "infra/queries/workbook/pipeline-lag.kql": "prev(): the translator knows no window functions",
    "chargeback/adapters/azure/queries/token_counts.kql": "ingestion_time(): the service's own column, in no table",
    "chargeback/adapters/azure/queries/stream_means.kql": "ingestion_time(), likewise",
    "chargeback/adapters/azure/queries/kept_events.kql": "mv-apply: the translator does not know it",
    "chargeback/adapters/azure/queries/gateway_calls.kql": "mv-apply, likewise",
}
"""Queries that are parsed and bound, but cannot be run here, and why."""


def test_every_query_runs_here_or_is_known_not_to() -> None:
    budget: dict[str, str] = {}
    for name, path in queries().items():
        try:
            Workspace({}).answer(filled(path))
        except KqlUnsupportedError as error:
            budget[name] = str(error)

    assert budget.keys() == NOT_COVERED.keys(), budget


def test_every_query_parses_and_names_what_the_tables_have() -> None:
    assert not faults({name: filled(path) for name, path in queries().items()})


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("AppTraces | summarize last = max(TimeGenerated)", "needs to be bracketed"),
        ("AppTraces | where Mesage == 'x'", "does not refer to any known column"),
        ("Traces | take 1", "does not refer to any known table"),
        ("AppTraces | where", "Missing"),
    ],
)
def test_a_query_that_azure_would_refuse_is_refused(query: str, complaint: str) -> None:
    assert complaint in " ".join(faults({"query": query}))


def test_the_documented_columns_say_where_and_when_they_were_read() -> None:
    assert tables()["AppTraces"]["Message"] == "string"
