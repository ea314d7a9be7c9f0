-- The rows of the period: the charges in their printed order, and the views that show all columns of them.

-- name: macros
CREATE MACRO guarded(t) AS regexp_replace(regexp_replace(t, {formula}, {guard}, 'g'), {leading}, {guard});
CREATE MACRO cell(t) AS if(
    regexp_matches(t, '[,"\r\n]'), concat('"', replace(guarded(t), '"', '""'), '"'), guarded(t)
);
CREATE MACRO digits(amount) AS CASE
    WHEN amount = 0 THEN '0' ELSE regexp_replace(CAST(amount AS VARCHAR), '\.?0*$', '')
END;
CREATE MACRO per_unit(price) AS price * CAST('0.000001' AS DECIMAL(6, 6));
CREATE MACRO of_many(quantity, unit_price) AS CAST(CAST(quantity AS DECIMAL(19, 0)) * unit_price AS DECIMAL(38, 18));
-- Amount times rate has up to 30 decimals. A cast rounds halves away from zero; for a number that
-- ends in a half, twice the rounded half of it is its even neighbour. Whole units need none of that: their product has
-- 12 decimals.
CREATE MACRO half_even(long) AS CASE
    WHEN abs(long - CAST(long AS DECIMAL(25, 18))) = CAST('0.0000000000000000005' AS DECIMAL(19, 19))
    THEN 2 * CAST(long * CAST('0.5' AS DECIMAL(2, 1)) AS DECIMAL(25, 18))
    ELSE CAST(long AS DECIMAL(25, 18))
END;
CREATE MACRO converted(amount, rate) AS CASE
    WHEN rate = 1 THEN amount
    ELSE CAST(CAST(trunc(amount) AS DECIMAL(20, 0)) * CAST(rate AS DECIMAL(18, 12)) AS DECIMAL(38, 18))
        + half_even(CAST(amount - trunc(amount) AS DECIMAL(18, 18)) * CAST(rate AS DECIMAL(18, 12)))
END;

-- name: tables
CREATE TABLE units (meter VARCHAR, unit VARCHAR);
CREATE TABLE rates (currency VARCHAR, rate DECIMAL(28, 12), date VARCHAR, source VARCHAR);
CREATE TABLE payers (payer UINTEGER, currency VARCHAR, cost_centre VARCHAR);
CREATE TABLE price_origins (
    price_id VARCHAR, list_unit_price DECIMAL(28, 12), contracted_unit_price DECIMAL(28, 12),
    unit_price DECIMAL(28, 12), verified VARCHAR, source VARCHAR, model VARCHAR
);
CREATE TABLE tariffs (
    tariff UINTEGER, meter VARCHAR, unit VARCHAR, state VARCHAR, price_id VARCHAR, unit_price DECIMAL(28, 12),
    list_unit_price DECIMAL(28, 12), contracted_unit_price DECIMAL(28, 12), price_unit VARCHAR,
    pricing_currency VARCHAR, exchange_rate DECIMAL(28, 12), exchange_rate_date VARCHAR, exchange_rate_source VARCHAR,
    price_verified VARCHAR, list_per_unit DECIMAL(34, 18), contracted_per_unit DECIMAL(34, 18), identity VARCHAR, text_of_meter VARCHAR,
    text_of_price VARCHAR, text_of_state VARCHAR, text_of_price_id VARCHAR, text_of_prices VARCHAR,
    text_of_exchange VARCHAR
);
CREATE TABLE daily_usage (
    date DATE, cost_centre VARCHAR, backend VARCHAR, deployment VARCHAR, deployment_type VARCHAR, model VARCHAR,
    service_tier VARCHAR, variant VARCHAR, meter VARCHAR, unit VARCHAR, quantity HUGEINT, exact_cost DECIMAL(38, 18),
    contracted_cost DECIMAL(38, 18)
);
-- A cost rounded down to the places of the books. What that takes away is its remainder.
CREATE MACRO floor_of(exact_cost) AS
    CAST(exact_cost AS DECIMAL(38, {decimals}))
    - CASE WHEN CAST(exact_cost AS DECIMAL(38, {decimals})) > exact_cost THEN {unit} ELSE 0 END;
CREATE MACRO bucket(remainder) AS CAST(remainder * CAST('{buckets}' AS DECIMAL(15, 0)) AS USMALLINT)

-- name: show part
-- The usage of some dates in the order of the CSV, a row for each date, dimension set and tariff; costs are exact.
CREATE OR REPLACE VIEW charges AS SELECT * FROM read_parquet({charges});
CREATE OR REPLACE VIEW dimension_sets AS SELECT * FROM read_parquet({dimension_sets})

-- name: show no part
CREATE OR REPLACE VIEW charges AS
SELECT
    NULL::BIGINT AS row, NULL::DATE AS date, NULL::UINTEGER AS payer, NULL::UINTEGER AS dimension_set,
    NULL::UINTEGER AS tariff, NULL::BIGINT AS quantity, NULL::DECIMAL(38, 18) AS exact_cost,
    NULL::DECIMAL(38, {decimals}) AS floor_cost, NULL::DECIMAL(18, 18) AS remainder
WHERE false;
CREATE OR REPLACE VIEW dimension_sets AS
SELECT NULL::UINTEGER AS dimension_set, NULL::UINTEGER AS payer, NULL::VARCHAR AS set_id, {absent}
WHERE false

-- name: pricing currencies
SELECT DISTINCT pricing_currency FROM known_tariffs

-- name: rates
SELECT currency, rate, date, source FROM rates ORDER BY currency

-- name: last date
SELECT CAST(max(date) AS VARCHAR) FROM charges

-- name: new payers
INSERT INTO payers
SELECT (SELECT count(*) FROM payers) + row_number() OVER (ORDER BY cost_centre), $currency, cost_centre FROM (
    SELECT DISTINCT coalesce(cost_centre, '') AS cost_centre FROM known_dimension_sets
    EXCEPT SELECT cost_centre FROM payers WHERE currency = $currency
)

-- name: new tariffs
INSERT INTO tariffs
SELECT
    *,
    per_unit(list_unit_price) AS list_per_unit,
    per_unit(contracted_unit_price) AS contracted_per_unit,
    concat_ws(
        chr(31), meter, state, price_id, coalesce(digits(unit_price), ''), coalesce(digits(list_unit_price), ''),
        coalesce(digits(contracted_unit_price), ''), pricing_currency
    ) AS identity,
    concat(',', meter, ',') AS text_of_meter,
    concat(',', unit, ',', digits(unit_price), ',', price_unit, ',', $currency, ',') AS text_of_price,
    concat(',', state, ',') AS text_of_state,
    concat(',', cell(price_id), ',') AS text_of_price_id,
    concat(',usage,', digits(list_unit_price), ',', digits(contracted_unit_price), ',') AS text_of_prices,
    concat(
        ',,,,,,', pricing_currency, ',', digits(exchange_rate), ',', exchange_rate_date, ',',
        cell(exchange_rate_source), ',,', price_verified
    ) AS text_of_exchange
FROM (
    SELECT
        known AS tariff, meter, coalesce(unit, error(concat('there is no meter ', meter))) AS unit, state,
        known_tariffs.price_id, per_million AS unit_price, list_per_million AS list_unit_price,
        contracted_per_million AS contracted_unit_price,
        if(per_million IS NULL, '', concat('1000000 ', unit)) AS price_unit, pricing_currency,
        rates.rate AS exchange_rate, rates.date AS exchange_rate_date,
        rates.source AS exchange_rate_source, coalesce(verified, '') AS price_verified
    FROM known_tariffs
    JOIN rates ON rates.currency = pricing_currency
    LEFT JOIN units USING (meter)
    LEFT JOIN price_origins AS origin
        ON origin.price_id = known_tariffs.price_id
        AND origin.list_unit_price = list_per_million
        AND origin.contracted_unit_price = contracted_per_million
        AND origin.unit_price = per_million
    WHERE known > (SELECT count(*) FROM tariffs)
)

-- name: unplaced dimension sets
SELECT count(*) FROM known_dimension_sets WHERE place IS NULL

-- name: find places
-- In which order all sets with staged charges come. Sets with the same front are one rank: a row's tariff comes before
-- what the columns behind the price say.
CREATE OR REPLACE TEMP TABLE places AS
SELECT known, CAST(place AS UINTEGER) AS place, CAST(min(place) OVER (PARTITION BY front) AS UINTEGER) AS front_rank
FROM (
    SELECT known, front, row_number() OVER () AS place
    FROM (
        SELECT known, md5_number(front_key) AS front
        FROM (
            SELECT known, create_sort_key({sorted_front}) AS front_key, {back}, line_state, set_id
            FROM known_dimension_sets
            SEMI JOIN (SELECT known_set AS known FROM staged) USING (known)
        )
        ORDER BY front_key, {back}, line_state, set_id
    )
);
CREATE TABLE placed_dimension_sets AS FROM known_dimension_sets WHERE false;
SELECT count(*) FROM places

-- name: put in place
-- Some at a time, as each is sorted with all its strings.
INSERT INTO placed_dimension_sets
SELECT sets.* EXCLUDE (place, front_rank), places.place, places.front_rank
FROM known_dimension_sets AS sets JOIN places USING (known)
WHERE places.place BETWEEN $first AND $last
ORDER BY places.place

-- name: keep what is in place
DROP TABLE places;
DROP TABLE known_dimension_sets;
ALTER TABLE placed_dimension_sets RENAME TO known_dimension_sets

-- name: order dimension sets
-- Those that are in their places; their numbers hold for all parts until new ones are put in place.
CREATE OR REPLACE TEMP TABLE ordered_dimension_sets AS
SELECT place AS dimension_set, known, payer, front_rank
FROM known_dimension_sets JOIN payers USING (cost_centre)
WHERE currency = $currency;
-- They lie in their places already. To sort them with all their strings would only take disk: a slice reads those between
-- two numbers, and finds them soon where they lie together.
COPY (
    SELECT dimension_set, payer, set_id, {dimensions}
    FROM known_dimension_sets JOIN ordered_dimension_sets USING (known)
) TO $file (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 20480, WRITE_BLOOM_FILTER false)

-- name: order charges
-- Where the days of the books are not UTC days, a line has a record on each of two UTC days for one date.
COPY (
    SELECT
        $rows + row_number() OVER () AS row, * EXCLUDE (front_rank, turn),
        CAST(exact_cost - floor_cost AS DECIMAL(18, 18)) AS remainder
    FROM (
        SELECT *, floor_of(exact_cost) AS floor_cost
        FROM (
            SELECT
                date, payer, dimension_set, tariff, quantity, front_rank, turn,
                converted(cost, exchange_rate) AS exact_cost
            FROM (
                SELECT date, known_set, known_tariff, CAST(sum(quantity) AS BIGINT) AS quantity, sum(cost) AS cost
                FROM staged
                WHERE date < CAST($before AS DATE)
                GROUP BY ALL
            )
            JOIN ordered_dimension_sets AS sets ON sets.known = known_set
            JOIN (
                SELECT tariff, exchange_rate, CAST(row_number() OVER (
                    ORDER BY meter, state, price_id, unit_price, list_unit_price, contracted_unit_price,
                        pricing_currency
                ) AS UINTEGER) AS turn
                FROM tariffs
            ) AS ordered_tariffs ON tariff = known_tariff
        )
        ORDER BY date, front_rank, turn, dimension_set
    )
) TO $file (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 20480, WRITE_BLOOM_FILTER false);
SELECT count(*) FROM read_parquet($file)

-- name: sum usage by date
-- Shared costs are split by it. A row has no hour.
INSERT INTO daily_usage
SELECT
    date, cost_centre, backend, deployment, deployment_type, model, service_tier, variant, meter, unit,
    sum(quantity), sum(exact_cost), sum(if(
        contracted_unit_price IS NULL, exact_cost, converted(of_many(quantity, contracted_per_unit), exchange_rate)
    ))
FROM charges JOIN dimension_sets USING (dimension_set) JOIN tariffs USING (tariff)
GROUP BY ALL

-- name: row views
-- `cost` is rounded down, and up by one unit where the row is among those that its cost centre's total still needs.
CREATE MACRO printed(floor_cost, remainder, row, cut_remainder, cut_row) AS
    floor_cost + CASE WHEN remainder > cut_remainder OR (remainder = cut_remainder AND row <= cut_row) THEN {unit} ELSE 0 END;
CREATE VIEW priced AS
SELECT
    charges.*, tariffs.* EXCLUDE (tariff), if(meter = 'requests', quantity, 0) AS requests,
    printed(floor_cost, remainder, row, cut_remainder, cut_row) AS cost,
    if(list_per_unit IS NULL, exact_cost, converted(of_many(quantity, list_per_unit), exchange_rate)) AS list_cost,
    if(
        contracted_unit_price IS NULL, exact_cost, converted(of_many(quantity, contracted_per_unit), exchange_rate)
    ) AS contracted_cost
FROM charges JOIN tariffs USING (tariff) JOIN cuts USING (payer);
CREATE VIEW usage_rows AS
SELECT
    row, date, dimension_set, 'usage' AS kind, md5(concat(set_id, date, identity)) AS charge_id, CAST(date AS VARCHAR) AS charge_date,
    {dimensions}, meter, unit, CAST(quantity AS DECIMAL(28, 12)) AS quantity, state, requests, price_id, price_unit,
    list_unit_price, contracted_unit_price, unit_price, pricing_currency, exchange_rate, exchange_rate_date,
    exchange_rate_source, {currency} AS currency, cost, exact_cost, list_cost, contracted_cost, '' AS corrects_period,
    '' AS corrects_charge_id, '' AS shared_cost, '' AS allocation_basis,
    CAST(NULL AS DECIMAL(28, 12)) AS allocated_ratio, '' AS correction_reason,
    '' AS allocation_measure, CAST(NULL AS DECIMAL(28, 12)) AS allocated_use,
    CAST(NULL AS DECIMAL(28, 12)) AS allocated_use_of_all, CAST(NULL AS DECIMAL(28, 12)) AS origin_unit_price,
    CAST(NULL AS DECIMAL(28, 12)) AS origin_quantity, '' AS origin_unit, price_verified
FROM priced JOIN dimension_sets USING (dimension_set);
CREATE VIEW priced_non_usage_rows AS
SELECT non_usage_rows.* REPLACE (printed(floor_cost, remainder, row, cut_remainder, cut_row) AS cost)
FROM non_usage_rows JOIN cuts USING (payer)

-- name: pending rows
-- Rows that are not usage of the period wait here, with all their columns, until they are numbered.
CREATE TABLE pending_rows ({types})

-- name: non-usage rows
INSERT INTO payers
SELECT (SELECT count(*) FROM payers) + row_number() OVER (ORDER BY currency, cost_centre), * FROM (
    (SELECT currency, cost_centre FROM pending_rows UNION SELECT $currency, 'unallocated')
    EXCEPT SELECT currency, cost_centre FROM payers
);
CREATE TABLE non_usage_rows AS
SELECT
    $rows + row_number() OVER (ORDER BY kind DESC, charge_date, {order}, charge_id) AS row,
    payer, floor_of(exact_cost) AS floor_cost,
    CAST(exact_cost - floor_of(exact_cost) AS DECIMAL(18, 18)) AS remainder, pending_rows.*
FROM pending_rows JOIN payers USING (currency, cost_centre)
ORDER BY row;
DROP TABLE pending_rows

