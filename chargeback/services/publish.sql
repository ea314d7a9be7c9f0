-- The statements of publish, by name; {decimals}, {unit} and {scale} are filled in, $parameters are bound.

-- name: tables
CREATE TABLE charges (
    day VARCHAR, place UUID, meter UTINYINT, state UTINYINT, price UINTEGER, quantity BIGINT, cost DECIMAL(38, {scale})
);
CREATE TABLE texts (
    place UUID, line UUID, currency VARCHAR, centre VARCHAR,
    front_key VARCHAR, back_key VARCHAR, front VARCHAR, back VARCHAR
);
CREATE TABLE meters (meter UTINYINT, name VARCHAR, unit VARCHAR);
CREATE TABLE states (state UTINYINT, name VARCHAR);
CREATE TABLE prices (price UINTEGER, rank UINTEGER, text VARCHAR, price_id VARCHAR);
CREATE TABLE centres (currency VARCHAR, centre VARCHAR, missing BIGINT);

-- name: places
-- A place is written whenever it is met anew; its ranks sort as its texts do.
CREATE TABLE places AS
SELECT
    place, any_value(line) AS line, any_value(currency) AS currency, any_value(centre) AS centre,
    any_value(front) AS front, any_value(back) AS back,
    dense_rank() OVER (ORDER BY any_value(front_key)) AS front_rank,
    row_number() OVER (ORDER BY any_value(back_key), place) AS back_rank
FROM texts
GROUP BY place;
DROP TABLE texts;

-- name: twice
SELECT day, replace(line::VARCHAR, '-', '')
FROM (SELECT day, place, meter, price, count(*) AS copies FROM charges GROUP BY ALL) JOIN places USING (place)
GROUP BY day, line
HAVING max(copies) > 1 OR count(DISTINCT place) > 1
ORDER BY ALL
LIMIT 1

-- name: rows
-- A cast of a decimal rounds to the nearest; where that is up, one unit less is the floor.
CREATE TABLE rows AS
SELECT
    day, front_rank, meter, currency, state, rank AS price_rank, back_rank, centre, place, price, quantity, cost,
    nearest - CASE WHEN nearest > cost THEN {unit} ELSE 0 END AS floor
FROM (SELECT *, cost::DECIMAL(38, {decimals}) AS nearest FROM charges) JOIN places USING (place) JOIN prices USING (price);
DROP TABLE charges;

-- name: centres
SELECT currency, centre, coalesce(sum(cost), 0)::VARCHAR, coalesce(sum(floor), 0)::VARCHAR
FROM rows
GROUP BY currency, centre
ORDER BY currency, centre

-- name: printed
-- In each cost centre as many rows are rounded up as its total misses, those with the largest remainders first.
CREATE TABLE raised AS
SELECT row FROM (
    SELECT
        rowid AS row, currency, centre,
        row_number() OVER (
            PARTITION BY currency, centre
            ORDER BY cost - floor DESC, day, front_rank, meter, state, price_rank, back_rank
        ) AS turn
    FROM rows
    WHERE cost > floor
) JOIN centres USING (currency, centre)
WHERE turn <= missing;
CREATE VIEW printed AS
SELECT
    rows.* EXCLUDE (cost, floor),
    floor + CASE WHEN raised.row IS NULL THEN 0 ELSE {unit} END AS cost,
    CASE WHEN meter = $requests THEN quantity ELSE 0 END AS requests
FROM rows LEFT JOIN raised ON raised.row = rows.rowid;

-- name: lines
SELECT concat(
    $start, front, ',', meters.name, ',', quantity, ',', unit, ',', text, ',', printed.currency, ',', cost, ',',
    states.name, ',', requests, ',', price_id, ',', back
)
FROM printed JOIN places USING (place) JOIN meters USING (meter) JOIN states USING (state) JOIN prices USING (price)
WHERE day = $day
ORDER BY printed.front_rank, meter, printed.currency, state, price_rank, printed.back_rank

-- name: summary
SELECT
    centre, currency, coalesce(sum(cost), 0)::DECIMAL(38, {decimals}), sum(requests)::HUGEINT,
    {sums},
    count(*), count(*) FILTER (state = $unpriced),
    coalesce(sum(requests) FILTER (state = $unsettled), 0)::HUGEINT,
    coalesce(sum(cost) FILTER (state = $estimated), 0)::DECIMAL(38, {decimals})
FROM printed
GROUP BY centre, currency
ORDER BY centre, currency

-- name: states
SELECT state, currency, meter, count(*), sum(cost)::DECIMAL(38, {decimals}), sum(quantity)::HUGEINT
FROM printed
GROUP BY ALL
ORDER BY ALL

-- name: prices
SELECT price, currency, meter, sum(quantity)::HUGEINT
FROM printed
WHERE price > 0
GROUP BY ALL
