-- The usage by which shared costs are split.

-- name: direct usage
-- By date, because a row has no hour: a cost that begins or ends within a day is split by the whole day's usage.
SELECT
    cost_centre, backend, deployment, deployment_type, model, {measures}, service_tier, variant, meter,
    CAST(sum(quantity) AS VARCHAR),
    CAST(coalesce(sum(if(
        contracted_unit_price IS NULL, exact_cost, converted(of_many(quantity, contracted_per_unit), exchange_rate)
    )), 0) AS VARCHAR)
FROM (
    SELECT dimension_set, tariff, sum(exact_cost) AS exact_cost, sum(quantity) AS quantity
    FROM charges
    WHERE date BETWEEN CAST($first AS DATE) AND CAST($last AS DATE)
    GROUP BY ALL
)
JOIN dimension_sets USING (dimension_set)
JOIN tariffs USING (tariff)
GROUP BY ALL
