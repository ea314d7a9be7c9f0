-- What shared costs are split by.

-- name: direct usage
-- By date, since a row knows no hour: a cost that begins or ends within a day is split by the whole day's usage.
SELECT
    cost_centre, backend, deployment, deployment_type, model,
    CAST(coalesce(sum(exact_cost), 0) AS DECIMAL(38, 18)),
    CAST(coalesce(sum(quantity) FILTER (unit = 'tokens'), 0) AS HUGEINT),
    CAST(coalesce(sum(quantity) FILTER (meter = 'requests'), 0) AS HUGEINT),
    CAST(coalesce(sum(quantity) FILTER (unit = 'tokens' AND meter LIKE 'cached%'), 0) AS HUGEINT),
    CAST(coalesce(sum(quantity) FILTER (unit = 'tokens' AND meter SIMILAR TO 'output.*|reasoning.*'), 0) AS HUGEINT)
FROM (
    SELECT place, tariff, sum(exact_cost) AS exact_cost, sum(quantity) AS quantity
    FROM charges
    WHERE date BETWEEN CAST($first AS DATE) AND CAST($last AS DATE)
    GROUP BY ALL
)
JOIN places USING (place)
JOIN tariffs USING (tariff)
GROUP BY ALL
