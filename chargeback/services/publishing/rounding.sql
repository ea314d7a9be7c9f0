-- Decides which rows are rounded up: in each cost centre as many as its total misses, the largest remainders first.

-- name: rounding tables
CREATE VIEW amounts AS
SELECT row, payer, remainder, exact_cost FROM charges
UNION ALL
SELECT row, payer, remainder, exact_cost FROM non_usage_rows;
CREATE MACRO bucket(remainder) AS CAST(remainder * CAST('{buckets}' AS DECIMAL(15, 0)) AS USMALLINT);
CREATE TEMP TABLE buckets AS
SELECT
    payer, bucket(remainder) AS bucket, count(*) FILTER (remainder > 0) AS rows, sum(exact_cost) AS cost,
    sum(exact_cost - remainder) AS floor
FROM amounts
WHERE exact_cost IS NOT NULL
GROUP BY ALL;
CREATE TABLE missing (payer UINTEGER, missing BIGINT)

-- name: centres
SELECT
    payer, any_value(currency), coalesce(sum(cost), 0)::VARCHAR,
    coalesce(sum(floor), 0)::DECIMAL(38, {decimals})::VARCHAR
FROM payers LEFT JOIN buckets USING (payer)
GROUP BY payer, cost_centre
ORDER BY any_value(currency), cost_centre

-- name: cuts
-- Each remainder lies in one of some hundred buckets. Only the bucket in which the last row is rounded up is sorted: the
-- rows of higher buckets are all rounded up, those of lower ones are not.
CREATE TABLE cuts AS
WITH counted AS (
    SELECT payer, bucket, rows, missing,
        sum(rows) OVER (PARTITION BY payer ORDER BY bucket DESC) AS up_to_here
    FROM buckets JOIN missing USING (payer)
), chosen AS (
    SELECT payer, bucket, missing - (up_to_here - rows) AS needed
    FROM counted
    WHERE missing > up_to_here - rows AND missing <= up_to_here
), sorted AS (
    SELECT amounts.payer, remainder, row, needed,
        row_number() OVER (PARTITION BY amounts.payer ORDER BY remainder DESC, row) AS turn
    FROM amounts JOIN chosen ON amounts.payer = chosen.payer AND bucket(remainder) = chosen.bucket
    WHERE remainder > 0
), last AS (
    SELECT payer, remainder, row FROM sorted WHERE turn = needed
)
SELECT
    payer, coalesce(remainder, 1::DECIMAL(19, 18)) AS cut_remainder, coalesce(row, 0) AS cut_row
FROM payers LEFT JOIN last USING (payer)
