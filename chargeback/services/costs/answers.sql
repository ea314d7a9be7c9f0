-- Answers to questions about costs; `{reads}` are rows of views, which are summed again here.

-- name: settings
SET parquet_metadata_cache = true

-- name: answer
SELECT *, count(*) OVER () AS total
FROM (
    SELECT {keys}, {sums}, {unit} AS unit, {measured} AS measured
    FROM ({reads})
    GROUP BY ALL
)
ORDER BY {order}
LIMIT {size} OFFSET {offset}

-- name: values
SELECT value, count(*) OVER () AS total
FROM (SELECT DISTINCT {value} AS value FROM ({reads}) WHERE {value} <> '' AND starts_with({value}, $begins))
ORDER BY value
LIMIT {size} OFFSET {offset}

-- name: applications
SELECT *, count(*) OVER () AS total
FROM (
    SELECT application, max(date) FILTER (kind = 'usage') AS last_date,
        list_sort(list(DISTINCT model) FILTER (model <> '')) AS models,
        list_sort(list(DISTINCT cost_centre)) AS cost_centres
    FROM ({reads})
    WHERE application <> ''
    GROUP BY application
)
ORDER BY application
LIMIT {size} OFFSET {offset}

-- name: open usage
SELECT *, count(*) OVER () AS total
FROM (
    SELECT {keys}, sum(quantity)::DECIMAL(38, 12) AS quantity, sum(requests)::HUGEINT AS requests,
        sum(cost)::DECIMAL(38, 12) AS cost, sum(rows)::HUGEINT AS rows
    FROM ({reads})
    GROUP BY ALL
    HAVING sum(quantity) <> 0 OR sum(cost) <> 0
)
ORDER BY {keys}
LIMIT {size} OFFSET {offset}

-- name: movers
-- What the $most largest changes of each currency are made of; `side` tells the spans apart.
WITH found AS MATERIALIZED (
    SELECT
        side, currency, kind, {items}, unit, coalesce(exchange_rate, 1) AS exchange_rate,
        {keys},
        CASE kind WHEN 'shared' THEN shared_cost WHEN 'correction' THEN corrects_period ELSE '' END AS other,
        sum(known_quantity)::DECIMAL(38, 12) AS quantity, sum(cost)::DECIMAL(38, 12) AS cost
    FROM ({reads})
    GROUP BY ALL
),
changes AS (
    SELECT
        currency, kind, {named}, other, sum(cost) FILTER (side = 'before') AS cost_before,
        sum(cost) FILTER (side = 'after') AS cost_after
    FROM found
    GROUP BY ALL
),
ranked AS (
    SELECT
        currency, kind, {named}, other,
        row_number() OVER (
            PARTITION BY currency
            ORDER BY abs(coalesce(cost_after, 0) - coalesce(cost_before, 0)) DESC, kind, {named}, other
        ) AS place,
        count(*) OVER (PARTITION BY currency) AS total,
        sum(cost_before) OVER (PARTITION BY currency)::DECIMAL(38, 12) AS before,
        sum(cost_after) OVER (PARTITION BY currency)::DECIMAL(38, 12) AS after
    FROM changes
)
SELECT found.*, total, before, after
FROM found JOIN ranked USING (currency, kind, {named}, other)
WHERE place <= $most
ORDER BY ALL
LIMIT $items
