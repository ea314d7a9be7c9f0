-- Decides which rows are rounded up: in each cost centre as many as its total misses, the largest remainders first.

-- name: rounding tables
CREATE TABLE payer_sums (payer UINTEGER, rows BIGINT, cost DECIMAL(38, 18), floor DECIMAL(38, {decimals}));
CREATE TABLE buckets (payer UINTEGER, bucket USMALLINT, rows BIGINT);
CREATE TABLE missing (payer UINTEGER, missing BIGINT);
CREATE TABLE cuts (payer UINTEGER, cut_remainder DECIMAL(19, 18), cut_row BIGINT)

-- name: sum payers
INSERT INTO payer_sums
SELECT payer, count(*), sum(exact_cost), sum(floor_cost) FROM {relation} GROUP BY payer;
CREATE OR REPLACE TABLE buckets AS
SELECT payer, bucket, CAST(sum(rows) AS BIGINT) AS rows
FROM (
    FROM buckets
    UNION ALL
    SELECT payer, bucket(remainder), count(*) FROM {relation} WHERE remainder > 0 GROUP BY ALL
)
GROUP BY ALL

-- name: centres
SELECT
    payer, any_value(currency), coalesce(sum(cost), 0)::VARCHAR,
    coalesce(sum(floor), 0)::DECIMAL(38, {decimals})::VARCHAR
FROM payers LEFT JOIN payer_sums USING (payer)
GROUP BY payer, cost_centre
ORDER BY any_value(currency), cost_centre

-- name: choose buckets
-- Each remainder lies in one of some hundred buckets. The rows of higher buckets than the chosen one are all rounded up,
-- those of lower ones are not; only within it the remainders themselves decide.
CREATE TABLE chosen_buckets AS
SELECT payer, bucket, missing - (up_to_here - rows) AS needed
FROM (
    SELECT payer, bucket, rows, missing, sum(rows) OVER (PARTITION BY payer ORDER BY bucket DESC) AS up_to_here
    FROM buckets JOIN missing USING (payer)
)
WHERE missing > up_to_here - rows AND missing <= up_to_here;
CREATE TABLE candidates (part UINTEGER, payer UINTEGER, remainder DECIMAL(18, 18), rows BIGINT)

-- name: count candidates
INSERT INTO candidates
SELECT $part, payer, remainder, count(*)
FROM {relation} JOIN chosen_buckets USING (payer)
WHERE remainder > 0 AND bucket(remainder) = bucket
GROUP BY ALL

-- name: find last candidates
-- For equal remainders the order of the rows decides.
CREATE TABLE last_candidates AS
SELECT payer, part, remainder, needed - (up_to_here - rows) AS turn
FROM (
    SELECT part, payer, remainder, rows, needed,
        sum(rows) OVER (PARTITION BY payer ORDER BY remainder DESC, part) AS up_to_here
    FROM candidates JOIN chosen_buckets USING (payer)
)
WHERE needed > up_to_here - rows AND needed <= up_to_here;
DROP TABLE candidates

-- name: cut
INSERT INTO cuts
SELECT payer, remainder, row
FROM (
    SELECT payer, remainder, row, turn, row_number() OVER (PARTITION BY payer ORDER BY row) AS place
    FROM {relation} JOIN (SELECT * FROM last_candidates WHERE part = $part) USING (payer, remainder)
)
WHERE place = turn

-- name: cut nowhere
INSERT INTO cuts SELECT payer, 1, 0 FROM payers ANTI JOIN cuts USING (payer)
