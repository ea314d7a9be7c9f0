-- The rows of the period: the charges in their printed order, and the views that show all columns of them.

-- name: macros
CREATE MACRO guarded(t) AS regexp_replace(regexp_replace(t, {formula}, {guard}, 'g'), {leading}, {guard});
CREATE MACRO cell(t) AS if(
    regexp_matches(t, '[,"\r\n]'), concat('"', replace(guarded(t), '"', '""'), '"'), guarded(t)
);
CREATE MACRO digits(amount) AS CASE
    WHEN amount = 0 THEN '0' ELSE rtrim(rtrim(CAST(amount AS VARCHAR), '0'), '.')
END;
CREATE MACRO price(t) AS CASE
    WHEN t = '' THEN NULL
    WHEN regexp_full_match(t, '[0-9]{1,16}(\.[0-9]{1,12})?') THEN CAST(t AS DECIMAL(28, 12))
    ELSE error(concat('a price is ', t, ': it has more than 16 digits or 12 decimals'))
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
CREATE TABLE charges (
    row BIGINT, date DATE, payer UINTEGER, dimension_set UINTEGER, tariff UINTEGER, quantity BIGINT, exact_cost DECIMAL(38, 18),
    remainder DECIMAL(18, 18)
);
-- The part of a cost that rounding down to the places of the books takes away.
CREATE MACRO remainder(exact_cost) AS CAST(
    exact_cost - CAST(exact_cost AS DECIMAL(38, {decimals}))
    + CASE WHEN CAST(exact_cost AS DECIMAL(38, {decimals})) > exact_cost THEN {unit} ELSE 0 END AS DECIMAL(18, 18)
)

-- name: pricing currencies
SELECT DISTINCT pricing_currency FROM known_tariffs

-- name: rates
SELECT currency, rate, date, source FROM rates ORDER BY currency

-- name: dimension sets
CREATE TABLE dimension_sets AS
SELECT
    CAST(row_number() OVER (ORDER BY {front}, {back}, line_state, set_id) AS UINTEGER) AS dimension_set,
    CAST(dense_rank() OVER (ORDER BY {front}) AS UINTEGER) AS front_rank,
    CAST(dense_rank() OVER (ORDER BY cost_centre) AS UINTEGER) AS payer,
    known, replace(CAST(set_id AS VARCHAR), '-', '') AS set_id, {dimensions},
    concat_ws(',', {front_cells}) AS front, concat_ws(',', {back_cells}) AS back
FROM (SELECT known, set_id, coalesce(COLUMNS(* EXCLUDE (known, set_id)), '') FROM known_dimension_sets);
INSERT INTO payers SELECT DISTINCT payer, $currency, cost_centre FROM dimension_sets ORDER BY payer

-- name: tariffs
CREATE TABLE tariffs AS
SELECT
    CAST(row_number() OVER (
        ORDER BY meter, state, price_id, unit_price, list_unit_price, contracted_unit_price, pricing_currency
    ) AS UINTEGER) AS tariff,
    *,
    per_unit(list_unit_price) AS list_per_unit,
    per_unit(contracted_unit_price) AS contracted_per_unit,
    concat_ws(
        chr(31), meter, state, price_id, per_million, list_per_million, contracted_per_million, pricing_currency
    ) AS identity,
    concat(',', meter, ',') AS text_of_meter,
    concat(',', unit, ',', digits(unit_price), ',', price_unit, ',', $currency, ',') AS text_of_price,
    concat(',', state, ',') AS text_of_state,
    concat(',', cell(price_id), ',') AS text_of_price_id,
    concat(',usage,', digits(list_unit_price), ',', digits(contracted_unit_price), ',') AS text_of_prices,
    concat(
        ',,,,,,', pricing_currency, ',', digits(exchange_rate), ',', exchange_rate_date, ',',
        cell(exchange_rate_source), ','
    ) AS text_of_exchange
FROM (
    SELECT
        known, meter, coalesce(unit, error(concat('there is no meter ', meter))) AS unit, state, price_id, per_million,
        list_per_million, contracted_per_million, price(per_million) AS unit_price,
        price(list_per_million) AS list_unit_price, price(contracted_per_million) AS contracted_unit_price,
        if(per_million = '', '', concat('1000000 ', unit)) AS price_unit, pricing_currency,
        rates.rate AS exchange_rate, rates.date AS exchange_rate_date,
        rates.source AS exchange_rate_source
    FROM known_tariffs
    JOIN rates ON rates.currency = pricing_currency
    LEFT JOIN units USING (meter)
)

-- name: dates
SELECT DISTINCT CAST(date AS VARCHAR) FROM staged ORDER BY ALL

-- name: charges of a date
-- Where the days of the books are not UTC days, a line has a record on each of two UTC days for one date.
INSERT INTO charges
SELECT *, remainder(exact_cost) FROM (
SELECT
    (SELECT count(*) FROM charges) + row_number() OVER (ORDER BY front_rank, tariff, dimension_set), date, payer, dimension_set, tariff,
    quantity, converted(cost, exchange_rate) AS exact_cost
FROM (
    SELECT date, known_set, known_tariff, CAST(sum(quantity) AS BIGINT) AS quantity, sum(cost) AS cost
    FROM staged
    WHERE date = CAST($date AS DATE)
    GROUP BY ALL
)
JOIN dimension_sets ON dimension_sets.known = known_set
JOIN tariffs ON tariffs.known = known_tariff
)

-- name: row views
-- `cost` is rounded down, and up by one unit where the row is among those that its cost centre's total still needs.
CREATE MACRO printed(exact_cost, remainder, row, cut_remainder, cut_row) AS
    CAST(exact_cost - remainder AS DECIMAL(38, {decimals}))
    + CASE WHEN remainder > cut_remainder OR (remainder = cut_remainder AND row <= cut_row) THEN {unit} ELSE 0 END;
CREATE VIEW priced AS
SELECT
    charges.*, tariffs.* EXCLUDE (tariff, known), if(meter = 'requests', quantity, 0) AS requests,
    printed(exact_cost, remainder, row, cut_remainder, cut_row) AS cost,
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
    CAST(NULL AS DECIMAL(28, 12)) AS allocated_ratio, '' AS correction_reason
FROM priced JOIN dimension_sets USING (dimension_set);
CREATE VIEW priced_non_usage_rows AS
SELECT non_usage_rows.* REPLACE (printed(exact_cost, remainder, row, cut_remainder, cut_row) AS cost)
FROM non_usage_rows JOIN cuts USING (payer);
CREATE VIEW numbered_rows AS
SELECT row, {columns} FROM usage_rows UNION ALL SELECT row, {columns} FROM priced_non_usage_rows;
CREATE VIEW rows AS SELECT {columns} FROM numbered_rows

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
    (SELECT count(*) FROM charges) + row_number() OVER (ORDER BY kind DESC, charge_date, {order}, charge_id) AS row,
    payer, remainder(exact_cost) AS remainder, pending_rows.*
FROM pending_rows JOIN payers USING (currency, cost_centre)
ORDER BY row;
DROP TABLE pending_rows


-- name: previous rows
-- A file of an older version lacks the columns that were added since.
CREATE VIEW previous_rows AS
SELECT {columns} FROM (SELECT * FROM rows WHERE false UNION ALL BY NAME SELECT * FROM read_parquet({file}))

-- name: no previous rows
CREATE VIEW previous_rows AS SELECT * FROM rows WHERE false
