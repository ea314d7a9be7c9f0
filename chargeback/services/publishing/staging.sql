-- The charges of the books' days become narrow: dimensions and prices, which repeat, are kept once.

-- name: staging tables
CREATE TABLE known_dimension_sets (
    known UINTEGER, set_number UHUGEINT, set_id VARCHAR, subscription_id VARCHAR, product_id VARCHAR, apim_user_id VARCHAR,
    tenant_id VARCHAR, app_id VARCHAR, user_object_id VARCHAR, "user" VARCHAR, company VARCHAR, billing_code VARCHAR,
    operation VARCHAR, provider VARCHAR, model VARCHAR, deployment VARCHAR, backend VARCHAR, service_tier VARCHAR,
    variant VARCHAR, line_state VARCHAR, deployment_type VARCHAR, region VARCHAR, cost_centre VARCHAR,
    allocation_rule VARCHAR, place UINTEGER, front_rank UINTEGER
);
CREATE TABLE known_tariffs (
    known UINTEGER, pricing_currency VARCHAR, meter VARCHAR, state VARCHAR, price_id VARCHAR,
    per_million DECIMAL(28, 12), list_per_million DECIMAL(28, 12), contracted_per_million DECIMAL(28, 12)
);
CREATE TABLE staged (date DATE, known_set UINTEGER, known_tariff UINTEGER, quantity BIGINT, cost DECIMAL(38, 18))

-- name: show day
-- A dimension set is a line with what the deployment map and the rules made of it; its id is the same in every month. All
-- charges of a part have the same set, so it is worked out for the first one.
CREATE OR REPLACE TEMP VIEW read_charges AS
SELECT * FROM read_parquet({file}, hive_partitioning = false) WHERE {dates};
CREATE OR REPLACE TEMP TABLE read_parts AS
SELECT
    line_id, part,
    md5_number(concat_ws(chr(31), line_id, deployment_type, region, cost_centre, allocation_rule)) AS set_number
FROM read_charges
WHERE charge = 1;
CREATE OR REPLACE TEMP TABLE new_dimension_sets AS
SELECT DISTINCT set_number FROM read_parts ANTI JOIN known_dimension_sets USING (set_number);
SELECT count(*) FROM new_dimension_sets

-- name: add dimension sets
-- Their strings are read only where they are new: most lines are there every day. What groups them holds all strings of a
-- group in memory, so that many new ones are added some at a time.
INSERT INTO known_dimension_sets
SELECT
    (SELECT coalesce(max(known), 0) FROM known_dimension_sets) + row_number() OVER (), set_number,
    md5(concat_ws(chr(31), line_id, deployment_type, region, cost_centre, allocation_rule)), {filled}, NULL, NULL
FROM (
    SELECT set_number, any_value(COLUMNS(* EXCLUDE (set_number)))
    FROM (
        SELECT set_number, line_id, {columns}
        FROM read_charges JOIN read_parts USING (line_id, part) SEMI JOIN new_dimension_sets USING (set_number)
        WHERE charge = 1 AND set_number % $turns = $turn
    )
    GROUP BY set_number
) AS read(set_number, line_id, {columns})

-- name: add charges
INSERT INTO known_tariffs
SELECT (SELECT count(*) FROM known_tariffs) + row_number() OVER (), *
FROM (
    SELECT pricing_currency, meter, state, price_id, per_million, list_per_million, contracted_per_million
    FROM read_charges
    GROUP BY ALL
    EXCEPT SELECT * EXCLUDE (known) FROM known_tariffs
);
INSERT INTO staged
WITH parts AS MATERIALIZED (
    SELECT line_id, part, known FROM read_parts JOIN known_dimension_sets USING (set_number)
)
SELECT charge_date, parts.known, tariffs.known, quantity, cost
FROM read_charges AS read
JOIN parts USING (line_id, part)
JOIN known_tariffs AS tariffs
    ON tariffs.pricing_currency = read.pricing_currency
    AND tariffs.meter = read.meter
    AND tariffs.state = read.state
    AND tariffs.price_id = read.price_id
    AND tariffs.per_million IS NOT DISTINCT FROM read.per_million
    AND tariffs.list_per_million IS NOT DISTINCT FROM read.list_per_million
    AND tariffs.contracted_per_million IS NOT DISTINCT FROM read.contracted_per_million

-- name: size of staged
SELECT count(*), count(*) FILTER (date < CAST($before AS DATE)), CAST(min(date) AS VARCHAR) FROM staged

-- name: forget staged
-- What was arranged is not needed any more. Dimension sets stay: most of them come again the next day. The room that a
-- table had in the file is free for others only after a checkpoint.
CREATE OR REPLACE TABLE staged AS SELECT * FROM staged WHERE date >= CAST($before AS DATE);
CHECKPOINT

-- name: drop staging
DROP TABLE IF EXISTS read_parts;
DROP TABLE IF EXISTS new_dimension_sets;
DROP TABLE IF EXISTS ordered_dimension_sets;
DROP TABLE staged;
DROP TABLE known_dimension_sets;
DROP TABLE known_tariffs
