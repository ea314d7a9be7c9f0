-- Queries on the published rows of a period, for explanations.

-- name: columns of the file
DESCRIBE FROM read_parquet($file)

-- name: view of the file
CREATE VIEW rows AS SELECT *{added} FROM read_parquet({file}) WHERE {seen}

-- name: kinds
SELECT
    kind, currency, sum(cost) AS cost, sum(exact_cost) AS exact_cost, count(*) AS rows,
    count(*) FILTER (state = 'unpriced') AS unpriced,
    coalesce(sum(requests) FILTER (state = 'unsettled'), 0)::BIGINT AS unsettled
FROM rows
WHERE cost_centre = $centre
GROUP BY kind, currency
ORDER BY kind, currency

-- name: below
SELECT cost_centre, currency, sum(cost) AS cost
FROM rows
WHERE starts_with(cost_centre, concat($centre, '/'))
GROUP BY cost_centre, currency
ORDER BY sum(cost) DESC NULLS LAST, cost_centre, currency

-- name: groups
-- Calls that are counted without being charged explain no amount.
SELECT
    model, deployment_type, meter, unit, price_id, state, sum(quantity) AS quantity, sum(cost) AS cost,
    count(*) AS rows, any_value(unit_price) AS unit_price, any_value(price_unit) AS price_unit,
    any_value(pricing_currency) AS pricing_currency
FROM rows
WHERE cost_centre = $centre AND kind = 'usage' AND ($model = '' OR starts_with(model, $model))
    AND (meter <> 'requests' OR price_id <> '' OR state IN ('unsettled', 'unpriced'))
GROUP BY model, deployment_type, meter, unit, price_id, state
ORDER BY sum(cost) DESC NULLS LAST, model, deployment_type, meter, price_id, state

-- name: charges of group
SELECT charge_id, charge_date, subscription_id, app_id, "user", quantity, cost
FROM rows
WHERE cost_centre = $centre AND kind = 'usage' AND model = $model AND deployment_type = $deployment_type
    AND meter = $meter AND price_id = $price_id AND state = $state
ORDER BY cost DESC NULLS LAST, quantity DESC, charge_id
LIMIT $limit

-- name: shared
SELECT
    shared_cost, meter, allocation_basis, min(charge_id) AS charge_id, sum(allocated_ratio) AS ratio,
    sum(cost) AS cost, sum(exact_cost) AS exact_cost
FROM rows
WHERE cost_centre = $centre AND kind = 'shared'
GROUP BY shared_cost, meter, allocation_basis
ORDER BY sum(cost) DESC, shared_cost

-- name: split
SELECT cost_centre, sum(allocated_ratio) AS ratio, sum(exact_cost) AS exact_cost, sum(cost) AS cost
FROM rows
WHERE shared_cost = $shared_cost AND corrects_charge_id = ''
GROUP BY cost_centre
ORDER BY sum(allocated_ratio) DESC, cost_centre

-- name: direct usage
-- The columns of `direct usage` in publishing/shared.sql, with the same measures.
SELECT
    cost_centre, backend, deployment, deployment_type, model, {measures}, service_tier, variant, meter,
    CAST(sum(quantity) AS VARCHAR),
    CAST(coalesce(sum(contracted_cost), 0) AS VARCHAR)
FROM rows
WHERE kind = 'usage' AND charge_date BETWEEN $first AND $last
GROUP BY ALL
ORDER BY ALL

-- name: corrections
SELECT charge_id, corrects_period, corrects_charge_id, charge_date, model, meter, unit, quantity, currency, cost
FROM rows
WHERE cost_centre = $centre AND kind = 'correction'
ORDER BY abs(cost) DESC NULLS LAST, charge_id

-- name: billed
SELECT coalesce(sum(quantity), 0) AS quantity, sum(exact_cost) AS cost, count(*) AS rows
FROM rows
WHERE charge_id = $charge_id

-- name: corrected
SELECT coalesce(sum(quantity), 0) AS quantity, sum(exact_cost) AS cost, count(*) AS rows
FROM rows
WHERE kind = 'correction' AND corrects_period = $period AND corrects_charge_id = $charge_id

-- name: row
SELECT * FROM rows WHERE charge_id = $charge_id
