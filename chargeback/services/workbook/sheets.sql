-- The sheets of the workbook: a line for each row, in a stable order.

-- name: books' currency
-- The rows that the sheets add up: no amount of another currency is among them.
CREATE TEMP VIEW workbook_rows AS SELECT * FROM rows WHERE currency = {currency}

-- name: month
-- The period without its days, people and claims, in the currency of the books: small enough to be asked many times.
CREATE TEMP TABLE workbook_month AS
SELECT
    kind, cost_centre, subscription_id, product_id, tenant_id, app_id, provider, model, deployment, deployment_type,
    region, service_tier, variant, meter, unit, state, price_id, price_unit, list_unit_price, contracted_unit_price,
    unit_price, pricing_currency, exchange_rate, exchange_rate_date, exchange_rate_source,
    sum(quantity) AS quantity, sum(cost) AS cost, sum(list_cost) AS list_cost,
    sum(contracted_cost) AS contracted_cost, sum(requests)::BIGINT AS requests, count(*) AS rows
FROM rows
WHERE currency = $currency OR cost IS NULL
GROUP BY ALL

-- name: cost centres
SELECT
    cost_centre, sum(cost) FILTER (kind = 'usage'), sum(cost) FILTER (kind = 'shared'),
    sum(cost) FILTER (kind = 'correction'), sum(cost) FILTER (state = 'estimated'), sum(requests)::BIGINT,
    (sum(rows) FILTER (state = 'unpriced'))::BIGINT, (sum(requests) FILTER (state = 'unsettled'))::BIGINT
FROM workbook_month
GROUP BY cost_centre
ORDER BY cost_centre

-- name: other currencies
SELECT currency, coalesce(corrects_period, 'Total'), coalesce(cost_centre, ''), coalesce(meter, ''),
    count(*), sum(cost)
FROM rows
WHERE currency <> $currency AND cost IS NOT NULL
GROUP BY GROUPING SETS ((currency, corrects_period, cost_centre, meter), (currency))
ORDER BY currency, corrects_period NULLS LAST, cost_centre, meter

-- name: models
SELECT provider, model, deployment_type, meter, sum(quantity), unit, sum(cost), sum(list_cost), sum(contracted_cost)
FROM workbook_month
WHERE kind = 'usage'
GROUP BY provider, model, deployment_type, meter, unit
ORDER BY provider, model, deployment_type, meter, unit

-- name: days
SELECT
    charge_date, sum(cost) FILTER (kind = 'usage'), sum(cost) FILTER (kind = 'shared'),
    sum(cost) FILTER (kind = 'correction'), sum(cost), sum(requests)::BIGINT
FROM workbook_rows
GROUP BY charge_date
ORDER BY charge_date

-- name: applications
SELECT subscription_id, product_id, app_id, tenant_id, cost_centre, sum(cost), sum(requests)::BIGINT
FROM workbook_month
WHERE kind = 'usage'
GROUP BY subscription_id, product_id, app_id, tenant_id, cost_centre
ORDER BY subscription_id, product_id, app_id, tenant_id, cost_centre

-- name: shared costs
SELECT shared_cost, meter, any_value(allocation_basis ORDER BY allocation_basis), cost_centre,
    CASE WHEN count(*) = 1 THEN sum(allocated_ratio) END, sum(cost)
FROM workbook_rows
WHERE shared_cost <> '' AND kind = 'shared'
GROUP BY shared_cost, meter, cost_centre
ORDER BY shared_cost, meter, cost_centre

-- name: prices
SELECT
    price_id, meter, price_unit, list_unit_price, contracted_unit_price, unit_price, pricing_currency,
    exchange_rate, exchange_rate_date, exchange_rate_source, sum(quantity), sum(cost)
FROM workbook_month
WHERE price_id <> ''
GROUP BY ALL
ORDER BY price_id, meter, price_unit, unit_price, contracted_unit_price, list_unit_price, pricing_currency,
    exchange_rate, exchange_rate_date, exchange_rate_source

-- name: open items
SELECT
    state, cost_centre, model, deployment, deployment_type, region, meter, sum(quantity), unit, sum(rows)::BIGINT
FROM workbook_month
WHERE cost IS NULL
GROUP BY state, cost_centre, model, deployment, deployment_type, region, meter, unit
ORDER BY state, cost_centre, model, deployment, deployment_type, region, meter, unit

-- name: grain
-- The charges of a sheet, summed by some of its columns.
SELECT {shown} FROM {relation} WHERE {condition} GROUP BY {keys} ORDER BY {keys}

-- name: size of grain
SELECT count(*) FROM (SELECT {keys} FROM {relation} WHERE {condition} GROUP BY {keys})
