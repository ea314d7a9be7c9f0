-- The sums that statements are drawn from: each table has what the rows add up to that were shown so far.
-- An application is its subscription and app id; a person is a name, or an object id where there is no name.

-- name: sums of rows
-- What the rows that are shown add up to; `booked` are those in the currency of the books, since corrections of months
-- that were kept in another one are summed separately.
CREATE TEMP VIEW booked AS SELECT * FROM rows WHERE currency = {currency} OR cost IS NULL;
CREATE TEMP VIEW counts_of_rows AS SELECT cost_centre, charge_date, count(*) AS rows FROM rows GROUP BY ALL;
CREATE TEMP VIEW days_of_rows AS
SELECT
    cost_centre, charge_date, kind, model,
    coalesce(sum(cost), 0)::DECIMAL(38, {decimals}) AS cost, sum(requests)::BIGINT AS requests,
    count(*) - count(cost) AS unknown
FROM booked
GROUP BY ALL;
-- What is charged for in both periods: movers are told apart by application and model, kinds of use by the rest.
-- An unpriced quantity is left out, because it has no cost yet.
CREATE TEMP VIEW used_of_rows AS
SELECT
    cost_centre, later, kind,
    subscription_id || CASE WHEN subscription_id <> '' AND app_id <> '' THEN ' · ' ELSE '' END || app_id AS application, model,
    deployment_type, region, service_tier, variant, meter, unit, shared_cost, corrects_period,
    coalesce(exchange_rate, 1) AS rate,
    coalesce(sum(quantity) FILTER (exact_cost IS NOT NULL), 0)::DECIMAL(38, 12) AS quantity,
    coalesce(sum(exact_cost), 0)::DECIMAL(38, 18) AS exact_cost,
    coalesce(sum(cost), 0)::DECIMAL(38, {decimals}) AS cost,
    sum(requests)::BIGINT AS requests,
    count(*) - count(cost) AS unknown
FROM (
    SELECT true AS later, cost_centre, kind, subscription_id, app_id, model, deployment_type, region, service_tier,
        variant, meter, unit, shared_cost, corrects_period, exchange_rate, quantity, exact_cost, cost, requests
    FROM booked
    UNION ALL
    SELECT false, cost_centre, kind, subscription_id, app_id, model, deployment_type, region, service_tier,
        variant, meter, unit, shared_cost, corrects_period, exchange_rate, quantity, exact_cost, 0, 0
    FROM previous_rows
    WHERE currency = {currency}
)
GROUP BY ALL;
CREATE TEMP VIEW people_of_rows AS
SELECT
    cost_centre, kind, CASE WHEN "user" <> '' THEN "user" ELSE user_object_id END AS label,
    coalesce(sum(cost), 0)::DECIMAL(38, {decimals}) AS cost, sum(requests)::BIGINT AS requests,
    count(*) - count(cost) AS unknown
FROM booked
GROUP BY ALL;
CREATE TEMP VIEW open_usage_of_rows AS
SELECT
    cost_centre, state, model, deployment, meter, unit,
    sum(quantity)::DECIMAL(38, 12) AS quantity, coalesce(sum(cost), 0)::DECIMAL(38, {decimals}) AS cost
FROM booked
WHERE state IN ('unpriced', 'unsettled', 'estimated') AND (quantity <> 0 OR cost <> 0)
GROUP BY ALL;
CREATE TEMP VIEW shared_of_rows AS
SELECT
    cost_centre, later, shared_cost, meter, allocation_basis, coalesce(allocation_measure, '') AS measure,
    origin_unit_price, origin_quantity, coalesce(origin_unit, '') AS origin_unit, pricing_currency,
    sum(allocated_ratio)::DECIMAL(38, 12) AS ratio, sum(allocated_use)::DECIMAL(38, 12) AS own_use,
    max(allocated_use_of_all) AS use_of_all, coalesce(sum(cost), 0)::DECIMAL(38, {decimals}) AS cost
FROM (
    SELECT true AS later, * FROM booked
    UNION ALL BY NAME
    SELECT false AS later, * FROM previous_rows WHERE currency = {currency}
)
WHERE kind = 'shared'
GROUP BY ALL;
-- Usage at its prices; what is free of charge has none.
CREATE TEMP VIEW priced_use_of_rows AS
SELECT
    cost_centre, model, deployment_type, service_tier, variant, meter, unit, price_unit, pricing_currency,
    list_unit_price, contracted_unit_price, unit_price,
    sum(quantity)::DECIMAL(38, 12) AS quantity, sum(cost)::DECIMAL(38, {decimals}) AS cost
FROM booked
WHERE kind = 'usage' AND unit_price IS NOT NULL AND cost IS NOT NULL
GROUP BY ALL;
CREATE TEMP VIEW chain_of_rows AS
SELECT
    cost_centre, kind,
    sum(coalesce(list_cost, exact_cost, cost::DECIMAL(38, 18)))::DECIMAL(38, 18) AS listed,
    sum(coalesce(contracted_cost, exact_cost, cost::DECIMAL(38, 18)))::DECIMAL(38, 18) AS contracted,
    sum(coalesce(exact_cost, cost::DECIMAL(38, 18)))::DECIMAL(38, 18) AS charged,
    sum(cost)::DECIMAL(38, {decimals}) AS cost
FROM booked
WHERE cost IS NOT NULL
GROUP BY ALL;
CREATE TEMP VIEW rates_before_of_rows AS
SELECT DISTINCT pricing_currency, exchange_rate
FROM previous_rows
WHERE currency = {currency} AND pricing_currency <> currency AND pricing_currency <> '';
CREATE TEMP VIEW corrections_of_rows AS
SELECT
    cost_centre, corrects_period, charge_date, corrects_charge_id, model, meter, unit, quantity,
    currency, cost, correction_reason, charge_id
FROM rows
WHERE kind = 'correction';
CREATE TEMP VIEW corrected_of_rows AS
SELECT
    cost_centre, corrects_period, coalesce(correction_reason, '') AS correction_reason, currency,
    coalesce(sum(cost), 0)::DECIMAL(38, {decimals}) AS cost, count(*) AS rows
FROM rows
WHERE kind = 'correction'
GROUP BY ALL;
CREATE TEMP VIEW rates_of_rows AS
SELECT DISTINCT cost_centre, pricing_currency, exchange_rate, exchange_rate_date, exchange_rate_source
FROM booked
WHERE pricing_currency <> currency AND pricing_currency <> '' AND kind <> 'correction';
CREATE TEMP VIEW previous_of_rows AS
SELECT currency, cost_centre, coalesce(sum(cost), 0) AS cost
FROM previous_rows
GROUP BY ALL

-- name: table of sums
CREATE TABLE {table} AS FROM {table}_of_rows

-- name: add rows
CREATE OR REPLACE TABLE {table} AS
SELECT {sums} FROM (FROM {table} UNION ALL FROM {table}_of_rows) GROUP BY ALL ORDER BY ALL

-- name: add corrections
-- The $most_corrections largest of each cost centre.
CREATE OR REPLACE TABLE corrections AS
FROM (FROM corrections UNION ALL FROM corrections_of_rows)
QUALIFY row_number() OVER (
    PARTITION BY cost_centre ORDER BY coalesce(abs(cost), 0) DESC, corrects_period, charge_date, corrects_charge_id, charge_id
) <= $most_corrections
ORDER BY cost_centre, corrects_period, charge_date, corrects_charge_id, charge_id

-- name: items
-- The items of $most_pairs pairs of application and model in each cost centre; what is beyond them is one application.
CREATE TABLE items AS
WITH pairs AS (
    SELECT cost_centre, application, model,
        row_number() OVER (
            PARTITION BY cost_centre ORDER BY sum(abs(exact_cost)) DESC, application, model
        ) > $most_pairs AS beyond
    FROM used
    GROUP BY cost_centre, application, model
)
SELECT
    cost_centre, later, kind,
    CASE WHEN beyond THEN '…' ELSE application END AS application, CASE WHEN beyond THEN '' ELSE model END AS model,
    deployment_type, region, service_tier, variant, meter, unit, shared_cost, corrects_period, rate,
    sum(quantity)::DECIMAL(38, 12) AS quantity, sum(exact_cost)::DECIMAL(38, 18) AS cost
FROM used JOIN pairs USING (cost_centre, application, model)
WHERE exact_cost <> 0
GROUP BY ALL
ORDER BY ALL

-- name: shares
-- The $most_members members of a view that cost most, and the others together; a shared cost and a correction have no member.
CREATE TABLE shares AS
WITH members AS (
    SELECT 'model' AS view, cost_centre, kind, CASE kind WHEN 'usage' THEN model ELSE '' END AS label,
        sum(cost) AS cost, sum(requests) AS requests, sum(unknown) AS unknown
    FROM days
    GROUP BY ALL
    UNION ALL
    SELECT 'application', cost_centre, kind, CASE kind WHEN 'usage' THEN application ELSE '' END,
        sum(cost), sum(requests), sum(unknown)
    FROM used
    WHERE later
    GROUP BY ALL
    UNION ALL
    SELECT 'user', cost_centre, kind, CASE kind WHEN 'usage' THEN label ELSE '' END, sum(cost), sum(requests), sum(unknown)
    FROM people
    GROUP BY ALL
), placed AS (
    SELECT *,
        row_number() OVER (PARTITION BY view, cost_centre, kind ORDER BY cost DESC, label) AS place,
        count(*) OVER (PARTITION BY view, cost_centre, kind) AS members
    FROM members
)
SELECT
    cost_centre, view, kind, least(place, $most_members + 1) AS place,
    CASE WHEN place <= $most_members OR members = $most_members + 1 THEN label ELSE '' END AS label,
    count(*) AS members, sum(cost)::DECIMAL(38, {decimals}) AS cost, sum(requests)::BIGINT AS requests,
    sum(unknown)::BIGINT AS unknown
FROM placed
GROUP BY ALL
ORDER BY ALL

-- name: shared parts
-- With the whole of each cost, and how much of its capacity stayed idle.
CREATE TABLE shared_parts AS
SELECT shared.*, whole, idle_use
FROM shared
JOIN (
    SELECT
        later, shared_cost, sum(cost)::DECIMAL(38, {decimals}) AS whole,
        sum(own_use) FILTER (meter = $idle) AS idle_use
    FROM shared
    GROUP BY ALL
) USING (later, shared_cost)
ORDER BY ALL

-- name: largest prices
-- The $most_prices prices that a cost centre paid most at, and the others together.
CREATE TABLE largest_prices AS
WITH placed AS (
    SELECT
        *, row_number() OVER (
            PARTITION BY cost_centre
            ORDER BY cost DESC, model, meter, unit_price, deployment_type, service_tier, variant, list_unit_price,
                contracted_unit_price, pricing_currency, price_unit
        ) AS place
    FROM priced_use
)
SELECT * REPLACE (place::INTEGER AS place), 1 AS members FROM placed WHERE place <= $most_prices
UNION ALL BY NAME
SELECT cost_centre, $most_prices + 1 AS place, count(*)::INTEGER AS members, sum(cost)::DECIMAL(38, {decimals}) AS cost
FROM placed
WHERE place > $most_prices
GROUP BY cost_centre
ORDER BY ALL

-- name: exchange rates of the period before
SELECT pricing_currency, max(exchange_rate) FROM rates_before GROUP BY ALL ORDER BY ALL

-- name: counts of centres
SELECT cost_centre, charge_date, rows FROM counts ORDER BY ALL

-- name: costs of centres
SELECT cost_centre, sum(cost) FROM days GROUP BY ALL ORDER BY ALL

-- name: unknown costs of centres
SELECT cost_centre, sum(unknown)::DECIMAL(38, 0) FROM days GROUP BY ALL ORDER BY ALL

-- name: last days
SELECT kind, max(charge_date) FROM days GROUP BY ALL ORDER BY ALL

-- name: costs of the period before
SELECT currency, cost_centre, sum(cost) FROM previous GROUP BY ALL ORDER BY ALL
