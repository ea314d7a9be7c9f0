-- From the documents of the books to narrow charges: what repeats (who and where, at what price) is kept once.

-- name: staging tables
CREATE TABLE known_places (
    known UINTEGER, place_id UUID, subscription_id VARCHAR, product_id VARCHAR, apim_user_id VARCHAR,
    tenant_id VARCHAR, app_id VARCHAR, user_object_id VARCHAR, "user" VARCHAR, company VARCHAR, billing_code VARCHAR,
    operation VARCHAR, provider VARCHAR, model VARCHAR, deployment VARCHAR, backend VARCHAR, service_tier VARCHAR,
    variant VARCHAR, line_state VARCHAR, deployment_type VARCHAR, region VARCHAR, cost_centre VARCHAR,
    allocation_rule VARCHAR
);
CREATE TABLE known_tariffs (
    known UINTEGER, pricing_currency VARCHAR, meter VARCHAR, state VARCHAR, price_id VARCHAR,
    per_million VARCHAR, list_per_million VARCHAR, contracted_per_million VARCHAR
);
CREATE TABLE staged (date DATE, place UINTEGER, tariff UINTEGER, quantity BIGINT, cost DECIMAL(38, 18));
CREATE TABLE seen (day DATE, id UUID, part UINTEGER);

-- name: read documents
-- A place is a line with what the deployment map and the rules made of it; its id is the same in every month.
CREATE OR REPLACE TEMP TABLE parts AS
SELECT
    id, day, line, currency, deployment_type, region, part.date, part."costCentre" AS cost_centre,
    part.rule AS allocation_rule, part.charges AS charges, number,
    CAST(md5(concat_ws(chr(31), id, deployment_type, region, part."costCentre", part.rule)) AS UUID) AS place_id
FROM (
    SELECT
        id, day, line, currency, "deploymentType" AS deployment_type, region,
        unnest(parts) AS part,
        generate_subscripts(parts, 1) AS number
    FROM read_json(
        $path,
        format = 'newline_delimited',
        maximum_object_size = 4194304,
        columns = {
            id: 'VARCHAR', day: 'VARCHAR', currency: 'VARCHAR', "deploymentType": 'VARCHAR', region: 'VARCHAR',
            line: 'STRUCT(
                subscription VARCHAR, product VARCHAR, apim_user VARCHAR, tenant VARCHAR, app VARCHAR,
                user_object_id VARCHAR, "user" VARCHAR, company VARCHAR, billing_code VARCHAR, operation VARCHAR,
                provider VARCHAR, model VARCHAR, deployment VARCHAR, backend VARCHAR, service_tier VARCHAR,
                variant VARCHAR, state VARCHAR)',
            parts: 'STRUCT(
                date VARCHAR, "costCentre" VARCHAR, rule VARCHAR, charges STRUCT(
                    meter VARCHAR, quantity BIGINT, state VARCHAR, "priceId" VARCHAR, "perMillion" VARCHAR,
                    "listPerMillion" VARCHAR, "contractedPerMillion" VARCHAR, cost VARCHAR)[])[]'
        }
    )
    WHERE if(parts IS NULL, error(concat('line ', id, ' of ', day, ' has no parts: post the day again')), true)
)
WHERE {dates};
INSERT INTO seen SELECT CAST(day AS DATE), CAST(id AS UUID), number FROM parts

-- name: add places
INSERT INTO known_places
SELECT
    (SELECT count(*) FROM known_places) + row_number() OVER (), place_id, unnest(line), deployment_type, region,
    cost_centre, allocation_rule
FROM (
    SELECT
        place_id, any_value(line) AS line, any_value(deployment_type) AS deployment_type, any_value(region) AS region,
        any_value(cost_centre) AS cost_centre, any_value(allocation_rule) AS allocation_rule
    FROM parts ANTI JOIN known_places USING (place_id)
    GROUP BY place_id
)

-- name: add charges
CREATE OR REPLACE TEMP TABLE charged AS
SELECT
    date, place_id, currency, id, day, charge.meter, charge.state, coalesce(charge."priceId", '') AS price_id,
    coalesce(charge."perMillion", '') AS per_million, coalesce(charge."listPerMillion", '') AS list_per_million,
    coalesce(charge."contractedPerMillion", '') AS contracted_per_million, charge.quantity, charge.cost
FROM (SELECT date, place_id, currency, id, day, unnest(charges) AS charge FROM parts);
INSERT INTO known_tariffs
SELECT (SELECT count(*) FROM known_tariffs) + row_number() OVER (), * FROM (
    SELECT DISTINCT currency, meter, state, price_id, per_million, list_per_million, contracted_per_million FROM charged
    EXCEPT SELECT * EXCLUDE (known) FROM known_tariffs
);
INSERT INTO staged
SELECT
    date, places.known, tariffs.known, quantity,
    CASE
        WHEN cost IS NULL THEN NULL
        WHEN regexp_full_match(cost, '-?[0-9]{1,20}(\.[0-9]{1,18})?') THEN CAST(cost AS DECIMAL(38, 18))
        ELSE error(concat(
            'a cost of line ', id, ' on ', day, ' is ', cost, ': it has more than 20 digits or 18 decimals'
        ))
    END
FROM charged
JOIN known_places AS places USING (place_id)
JOIN known_tariffs AS tariffs
    ON charged.currency = tariffs.pricing_currency AND charged.meter = tariffs.meter AND charged.state = tariffs.state
    AND charged.price_id = tariffs.price_id AND charged.per_million = tariffs.per_million
    AND charged.list_per_million = tariffs.list_per_million
    AND charged.contracted_per_million = tariffs.contracted_per_million;
SELECT count(*) FROM charged

-- name: twice
SELECT CAST(day AS VARCHAR), replace(CAST(id AS VARCHAR), '-', '')
FROM seen
GROUP BY day, id, part
HAVING count(*) > 1
ORDER BY ALL
LIMIT 1

-- name: forget seen
TRUNCATE seen

-- name: drop staging
DROP TABLE IF EXISTS parts;
DROP TABLE IF EXISTS charged;
DROP TABLE staged;
DROP TABLE seen;
DROP TABLE known_places;
DROP TABLE known_tariffs;
