-- The sheets of the workbook: a line for each row, in a stable order.

-- name: sums of rows
-- What the rows that are shown add up to.
CREATE TEMP VIEW workbook_month_of_rows AS
SELECT
    kind, cost_centre, subscription_id, product_id, tenant_id, app_id, provider, model, deployment, deployment_type,
    region, service_tier, variant, meter, unit, state, price_id, price_unit, list_unit_price, contracted_unit_price,
    unit_price, pricing_currency, exchange_rate, exchange_rate_date, exchange_rate_source,
    sum(quantity)::DECIMAL(38, 12) AS quantity, sum(cost) AS cost, sum(list_cost) AS list_cost,
    sum(contracted_cost) AS contracted_cost, sum(requests)::BIGINT AS requests, count(*) AS rows
FROM rows
WHERE currency = {currency} OR cost IS NULL
GROUP BY ALL;
CREATE TEMP VIEW workbook_days_of_rows AS
SELECT charge_date, kind, sum(cost) AS cost, sum(requests)::BIGINT AS requests
FROM rows
WHERE currency = {currency}
GROUP BY ALL;
CREATE TEMP VIEW workbook_other_currencies_of_rows AS
SELECT currency, corrects_period, cost_centre, meter, count(*) AS rows, sum(cost) AS cost
FROM rows
WHERE currency <> {currency} AND cost IS NOT NULL
GROUP BY ALL;
CREATE TEMP VIEW workbook_previous_of_rows AS
SELECT currency, cost_centre, coalesce(sum(cost), 0) AS cost FROM previous_rows GROUP BY ALL;
-- How many decimal places a number needs.
CREATE TEMP MACRO places(number) AS length(regexp_extract(number::VARCHAR, '\.(\d*?)0*$', 1))

-- name: tables
-- The period without its days, people and claims: small enough to be asked many times.
CREATE TEMP TABLE workbook_month AS FROM workbook_month_of_rows;
CREATE TEMP TABLE workbook_days AS FROM workbook_days_of_rows;
CREATE TEMP TABLE workbook_other_currencies AS FROM workbook_other_currencies_of_rows;
CREATE TEMP TABLE workbook_rows AS FROM rows;
CREATE TEMP TABLE workbook_previous AS FROM workbook_previous_of_rows

-- name: add rows
CREATE OR REPLACE TEMP TABLE workbook_month AS
SELECT
    * EXCLUDE (quantity, cost, list_cost, contracted_cost, requests, rows),
    sum(quantity) AS quantity, sum(cost) AS cost, sum(list_cost) AS list_cost,
    sum(contracted_cost) AS contracted_cost, sum(requests)::BIGINT AS requests, sum(rows)::BIGINT AS rows
FROM (FROM workbook_month UNION ALL FROM workbook_month_of_rows)
GROUP BY ALL;
CREATE OR REPLACE TEMP TABLE workbook_days AS
SELECT charge_date, kind, sum(cost) AS cost, sum(requests)::BIGINT AS requests
FROM (FROM workbook_days UNION ALL FROM workbook_days_of_rows)
GROUP BY ALL;
INSERT INTO workbook_other_currencies FROM workbook_other_currencies_of_rows;
INSERT INTO workbook_rows FROM rows WHERE kind <> 'usage' AND currency = {currency}

-- name: add previous rows
INSERT INTO workbook_previous FROM workbook_previous_of_rows

-- name: costs of the month before
SELECT currency, cost_centre, sum(cost) FROM workbook_previous GROUP BY ALL ORDER BY ALL

-- name: places
-- How many decimal places prices, exchange rates and quantities have at most; a part of a whole is no quantity.
SELECT
    max(greatest(places(list_unit_price), places(contracted_unit_price), places(unit_price))),
    max(places(exchange_rate)), max(places(quantity)) FILTER (unit <> 'share')
FROM workbook_month

-- name: cost centres
-- The rows that have a cost or will have one, what they cost by kind, and what is not final of it.
SELECT
    cost_centre, sum(cost) FILTER (kind = 'usage'), sum(cost) FILTER (kind = 'shared'),
    sum(cost) FILTER (kind = 'correction'), sum(cost) FILTER (state = 'estimated'), sum(requests)::BIGINT,
    (sum(rows) FILTER (state = 'unpriced'))::BIGINT, (sum(requests) FILTER (state = 'unsettled'))::BIGINT,
    sum(rows)::BIGINT, (sum(rows) FILTER (cost IS NULL))::BIGINT
FROM workbook_month
GROUP BY cost_centre
ORDER BY cost_centre

-- name: other currencies
SELECT currency, coalesce(corrects_period, 'Total'), coalesce(cost_centre, ''), coalesce(meter, ''),
    sum(rows)::BIGINT, sum(cost)
FROM workbook_other_currencies
GROUP BY GROUPING SETS ((currency, corrects_period, cost_centre, meter), (currency))
ORDER BY currency, corrects_period NULLS LAST, cost_centre, meter

-- name: costs in other currencies
SELECT currency, sum(cost) FROM workbook_other_currencies GROUP BY currency ORDER BY currency

-- name: last day of usage
SELECT max(charge_date) FROM workbook_days WHERE kind = 'usage'

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
FROM workbook_days
GROUP BY charge_date
ORDER BY charge_date

-- name: applications
SELECT subscription_id, product_id, cost_centre, sum(cost), sum(requests)::BIGINT, app_id, tenant_id
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
    exchange_rate, exchange_rate_date, exchange_rate_source, sum(quantity) FILTER (unit <> 'share'), sum(cost)
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
