"""Makes the files of settled days: `python -m benchmarks.settled_month FOLDER RECORDS DAY…`.

It runs in a process of its own, so that the memory of a benchmark tells of publishing and not of this.
"""

import sys
from pathlib import Path

import duckdb

from chargeback.domain.reports.settled import DIMENSIONS_OF_LINE, RECORD_COLUMNS

CENTRES = 2_000
METERS = ("input_tokens", "cached_input_tokens", "output_tokens", "requests")

_SETTLED = {
    "day": "DATE '{day}'",
    "line_id": "md5(n::VARCHAR)",
    "part": "1",
    "charge": "m - n % 2",
    "charge_date": "DATE '{day}'",
    "subscription_id": "printf('team-%06d', n % 4000)",
    "product_id": "'standard'",
    "tenant_id": "'2f3c8a54-6f5e-4c26-8a6b-0d0f7a3f5b11'",
    "app_id": "printf('app-%06d', n % 8000)",
    "user": "printf('user%d@example.com', n)",
    "company": "'Example Company'",
    "billing_code": "printf('BC-%03d', n % 50)",
    "operation": "'chat.completions'",
    "provider": "'azure-openai'",
    "model": "'gpt-4o-2024-11-20'",
    "deployment": "'gpt-4o'",
    "backend": "'aoai-swedencentral-01.openai.azure.com'",
    "service_tier": "'default'",
    "line_state": "'exact'",
    "deployment_type": "'GlobalStandard'",
    "region": "'swedencentral'",
    "cost_centre": "printf('company/unit-%04d', n % {centres})",
    "allocation_rule": "'by-subscription'",
    "meter": "meter",
    "quantity": "quantity",
    "state": "'exact'",
    "price_id": "if(is_free, '', 'azure-openai/gpt-4o/any/GlobalStandard/default/' || meter || '@2024-11-20T00Z')",
    "pricing_currency": "'USD'",
    "per_million": "if(is_free, NULL, 2.625)",
    "list_per_million": "if(is_free, NULL, 2.75)",
    "contracted_per_million": "if(is_free, NULL, 2.5)",
    "cost": "if(is_free, 0, quantity * 0.000002625)",
    "hours": "NULL",
}


def settle(day: str, records: int, file: Path) -> None:
    """A settled day, in the order in which days are packed."""
    absent = dict.fromkeys(RECORD_COLUMNS, "''") | _SETTLED
    columns = ", ".join(
        f'CAST({absent[name].format(day=day, centres=CENTRES)} AS {kind}) AS "{name}"'
        for name, kind in RECORD_COLUMNS.items()
    )
    meters = ", ".join(f"({number}, '{meter}')" for number, meter in enumerate(METERS, 1))
    charges = (
        f"SELECT n, m, meter, meter = 'requests' AS is_free, 1 + (hash(n, m, '{day}') % 9999999)::BIGINT AS quantity"
        f" FROM range({records}) records(n), (VALUES {meters}) meters(m, meter) WHERE m > n % 2"
    )
    order = ", ".join(f'"{name}"' for name in (*DIMENSIONS_OF_LINE, "line_id", "charge"))
    with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": f"{file}.spill"}) as engine:
        engine.execute("SET enable_progress_bar = false")
        engine.execute(
            f"COPY (SELECT {columns} FROM ({charges}) ORDER BY {order}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)"
        )


if __name__ == "__main__":
    folder, records, *days = sys.argv[1:]
    for day in days:
        settle(day, int(records), Path(folder, f"{day}.parquet"))
