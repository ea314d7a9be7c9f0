-- The usage by which shared costs are split.

-- name: direct usage
-- By date, because a row has no hour: a cost that begins or ends within a day is split by the whole day's usage.
SELECT
    cost_centre, backend, deployment, deployment_type, model, {measures}, service_tier, variant, meter,
    CAST(sum(quantity) AS VARCHAR), CAST(coalesce(sum(contracted_cost), 0) AS VARCHAR)
FROM daily_usage
WHERE date BETWEEN CAST($first AS DATE) AND CAST($last AS DATE)
GROUP BY ALL
