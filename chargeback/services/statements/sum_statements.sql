-- The sums that statements are drawn from; each statement reads the rows of the period at most once.
-- An application is its subscription and app id; a person is a name, or an object id where there is no name.

-- name: attach the period
ATTACH {database} AS period (READ_ONLY);
USE period

-- name: booked
-- The rows in the currency of the books; corrections of months that were kept in another one are summed separately.
CREATE TEMP VIEW booked AS SELECT * FROM rows WHERE currency = {currency} OR cost IS NULL

-- name: counts
CREATE TABLE sums.counts AS
SELECT cost_centre, charge_date, count(*) AS rows FROM rows GROUP BY ALL ORDER BY ALL

-- name: days
CREATE TABLE sums.days AS
SELECT
    cost_centre, charge_date, kind, model,
    coalesce(sum(cost), 0)::DECIMAL(38, {decimals}) AS cost, sum(requests)::BIGINT AS requests,
    count(*) - count(cost) AS unknown
FROM booked
GROUP BY ALL
ORDER BY ALL

-- name: used
-- What is charged for in both periods: movers are told apart by application and model, kinds of use by the rest.
-- An unpriced quantity is left out, because it has no cost yet.
CREATE TABLE sums.used AS
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
    WHERE currency = $currency
)
GROUP BY ALL
ORDER BY ALL

-- name: items
-- The items of $most_pairs pairs of application and model in each cost centre; what is beyond them is one application.
CREATE TABLE sums.items AS
WITH pairs AS (
    SELECT cost_centre, application, model,
        row_number() OVER (
            PARTITION BY cost_centre ORDER BY sum(abs(exact_cost)) DESC, application, model
        ) > $most_pairs AS beyond
    FROM sums.used
    GROUP BY cost_centre, application, model
)
SELECT
    cost_centre, later, kind,
    CASE WHEN beyond THEN '…' ELSE application END AS application, CASE WHEN beyond THEN '' ELSE model END AS model,
    deployment_type, region, service_tier, variant, meter, unit, shared_cost, corrects_period, rate,
    sum(quantity)::DECIMAL(38, 12) AS quantity, sum(exact_cost)::DECIMAL(38, 18) AS cost
FROM sums.used JOIN pairs USING (cost_centre, application, model)
WHERE exact_cost <> 0
GROUP BY ALL
ORDER BY ALL

-- name: people
CREATE TABLE sums.people AS
SELECT
    cost_centre, kind, CASE WHEN "user" <> '' THEN "user" ELSE user_object_id END AS label,
    coalesce(sum(cost), 0)::DECIMAL(38, {decimals}) AS cost, sum(requests)::BIGINT AS requests,
    count(*) - count(cost) AS unknown
FROM booked
GROUP BY ALL

-- name: shares
-- The $most_members members of a view that cost most, and the others together; a shared cost and a correction have no member.
CREATE TABLE sums.shares AS
WITH members AS (
    SELECT 'model' AS view, cost_centre, kind, CASE kind WHEN 'usage' THEN model ELSE '' END AS label,
        sum(cost) AS cost, sum(requests) AS requests, sum(unknown) AS unknown
    FROM sums.days
    GROUP BY ALL
    UNION ALL
    SELECT 'application', cost_centre, kind, CASE kind WHEN 'usage' THEN application ELSE '' END,
        sum(cost), sum(requests), sum(unknown)
    FROM sums.used
    WHERE later
    GROUP BY ALL
    UNION ALL
    SELECT 'user', cost_centre, kind, CASE kind WHEN 'usage' THEN label ELSE '' END, sum(cost), sum(requests), sum(unknown)
    FROM sums.people
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

-- name: open usage
CREATE TABLE sums.open_usage AS
SELECT
    cost_centre, state, model, deployment, meter, unit,
    sum(quantity)::DECIMAL(38, 12) AS quantity, coalesce(sum(cost), 0)::DECIMAL(38, {decimals}) AS cost
FROM booked
WHERE state IN ('unpriced', 'unsettled', 'estimated') AND (quantity <> 0 OR cost <> 0)
GROUP BY ALL
ORDER BY ALL

-- name: shared
CREATE TABLE sums.shared AS
SELECT
    cost_centre, shared_cost, meter, allocation_basis, min(allocated_ratio) AS least, max(allocated_ratio) AS most,
    coalesce(sum(cost), 0)::DECIMAL(38, {decimals}) AS cost
FROM booked
WHERE kind = 'shared'
GROUP BY ALL
ORDER BY ALL

-- name: corrections
-- The $most_corrections largest of each cost centre.
CREATE TABLE sums.corrections AS
SELECT
    cost_centre, corrects_period, charge_date, corrects_charge_id, model, meter, unit, quantity,
    currency, cost, correction_reason
FROM rows
WHERE kind = 'correction'
QUALIFY row_number() OVER (
    PARTITION BY cost_centre ORDER BY coalesce(abs(cost), 0) DESC, corrects_period, charge_date, corrects_charge_id, charge_id
) <= $most_corrections
ORDER BY cost_centre, corrects_period, charge_date, corrects_charge_id, charge_id

-- name: corrected
CREATE TABLE sums.corrected AS
SELECT
    cost_centre, corrects_period, currency, coalesce(sum(cost), 0)::DECIMAL(38, {decimals}) AS cost, count(*) AS rows
FROM rows
WHERE kind = 'correction'
GROUP BY ALL
ORDER BY ALL

-- name: rates
CREATE TABLE sums.rates AS
SELECT DISTINCT cost_centre, pricing_currency, exchange_rate, exchange_rate_date, exchange_rate_source
FROM booked
WHERE pricing_currency <> currency AND pricing_currency <> ''
ORDER BY ALL

-- name: previous
CREATE TABLE sums.previous AS
SELECT currency, cost_centre, coalesce(sum(cost), 0) AS cost
FROM previous_rows
GROUP BY ALL
ORDER BY ALL

-- name: counts of centres
SELECT cost_centre, charge_date, rows FROM sums.counts ORDER BY ALL

-- name: costs of centres
SELECT cost_centre, sum(cost) FROM sums.days GROUP BY ALL ORDER BY ALL

-- name: unknown costs of centres
SELECT cost_centre, sum(unknown)::DECIMAL(38, 0) FROM sums.days GROUP BY ALL ORDER BY ALL

-- name: last days
SELECT kind, max(charge_date) FROM sums.days GROUP BY ALL ORDER BY ALL

-- name: costs of the period before
SELECT currency, cost_centre, sum(cost) FROM sums.previous GROUP BY ALL ORDER BY ALL
