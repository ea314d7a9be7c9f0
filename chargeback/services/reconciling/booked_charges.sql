-- Sums what the books have of a period: $own are its published rows, $later those of the periods since.

-- name: booked sums
WITH all_rows AS (
    SELECT * FROM read_parquet($own) WHERE kind <> 'correction'
    UNION ALL BY NAME
    SELECT * FROM read_parquet($later) WHERE kind = 'correction' AND corrects_period = $period
)
SELECT
    charge_date, lower(split_part(split_part(backend, ':', 1), '.', 1)) AS resource,
    backend, deployment, model, deployment_type, service_tier, variant, meter, price_id, coalesce(exchange_rate, 1),
    sum(quantity), coalesce(sum(contracted_cost), 0),
    coalesce(sum(quantity) FILTER (state = 'unpriced'), 0),
    coalesce(sum(quantity) FILTER (state = 'unpriced' AND deployment_type = ''), 0),
    coalesce(sum(quantity) FILTER (state = 'estimated'), 0),
    coalesce(sum(requests) FILTER (state = 'unsettled'), 0)::BIGINT
FROM all_rows
WHERE NOT list_contains($elsewhere, meter)
GROUP BY ALL
ORDER BY ALL

-- name: carried corrections
SELECT corrects_period, currency, sum(contracted_cost)
FROM read_parquet($own)
WHERE kind = 'correction' AND contracted_cost IS NOT NULL AND NOT list_contains($elsewhere, meter)
GROUP BY ALL
ORDER BY ALL

-- name: trued up
WITH all_rows AS (
    SELECT * FROM read_parquet($own) WHERE kind <> 'correction'
    UNION ALL BY NAME
    SELECT * FROM read_parquet($later) WHERE kind = 'correction' AND corrects_period = $period
)
SELECT shared_cost, sum(contracted_cost)
FROM all_rows
WHERE meter = $kind
GROUP BY shared_cost
ORDER BY shared_cost
