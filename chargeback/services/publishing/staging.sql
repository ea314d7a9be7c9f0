-- The documents of the books become narrow charges: dimensions and prices, which repeat, are kept once.

-- name: staging tables
CREATE TABLE known_dimension_sets (
    known UINTEGER, set_id UUID, subscription_id VARCHAR, product_id VARCHAR, apim_user_id VARCHAR,
    tenant_id VARCHAR, app_id VARCHAR, user_object_id VARCHAR, "user" VARCHAR, company VARCHAR, billing_code VARCHAR,
    operation VARCHAR, provider VARCHAR, model VARCHAR, deployment VARCHAR, backend VARCHAR, service_tier VARCHAR,
    variant VARCHAR, line_state VARCHAR, deployment_type VARCHAR, region VARCHAR, cost_centre VARCHAR,
    allocation_rule VARCHAR
);
CREATE TABLE known_tariffs (
    known UINTEGER, tariff_id UHUGEINT, pricing_currency VARCHAR, meter VARCHAR, state VARCHAR, price_id VARCHAR,
    per_million VARCHAR, list_per_million VARCHAR, contracted_per_million VARCHAR
);
CREATE TABLE staged (date DATE, known_set UINTEGER, known_tariff UINTEGER, quantity BIGINT, cost DECIMAL(38, 18));
CREATE TABLE seen (day DATE, id UUID, part UINTEGER);

-- name: read documents
-- A dimension set is a line with what the deployment map and the rules made of it; its id is the same in every month.
-- Its strings are read separately, and only for sets that are new: most lines are there every day.
CREATE OR REPLACE TEMP TABLE parts AS
SELECT
    id, day, currency, deployment_type, region, part.date, part."costCentre" AS cost_centre,
    part.rule AS allocation_rule, part.charges AS charges, number,
    CAST(md5(concat_ws(chr(31), id, deployment_type, region, part."costCentre", part.rule)) AS UUID) AS set_id
FROM (
    SELECT
        id, day, currency, "deploymentType" AS deployment_type, region,
        unnest(parts) AS part,
        generate_subscripts(parts, 1) AS number
    FROM read_json(
        $path,
        format = 'newline_delimited',
        maximum_object_size = 4194304,
        columns = {
            id: 'VARCHAR', day: 'VARCHAR', currency: 'VARCHAR', "deploymentType": 'VARCHAR', region: 'VARCHAR',
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

-- name: new dimension sets
CREATE OR REPLACE TEMP TABLE new_dimension_sets AS
SELECT
    set_id, any_value(id) AS id, any_value(deployment_type) AS deployment_type, any_value(region) AS region,
    any_value(cost_centre) AS cost_centre, any_value(allocation_rule) AS allocation_rule
FROM parts ANTI JOIN known_dimension_sets USING (set_id)
GROUP BY set_id;
SELECT count(*) FROM new_dimension_sets

-- name: add dimension sets
INSERT INTO known_dimension_sets
SELECT
    (SELECT count(*) FROM known_dimension_sets) + row_number() OVER (), set_id, unnest(line), deployment_type, region,
    cost_centre, allocation_rule
FROM new_dimension_sets JOIN (
    SELECT id, any_value(line) AS line
    FROM read_json(
        $path,
        format = 'newline_delimited',
        maximum_object_size = 4194304,
        columns = {
            id: 'VARCHAR',
            line: 'STRUCT(
                subscription VARCHAR, product VARCHAR, apim_user VARCHAR, tenant VARCHAR, app VARCHAR,
                user_object_id VARCHAR, "user" VARCHAR, company VARCHAR, billing_code VARCHAR, operation VARCHAR,
                provider VARCHAR, model VARCHAR, deployment VARCHAR, backend VARCHAR, service_tier VARCHAR,
                variant VARCHAR, state VARCHAR)'
        }
    )
    SEMI JOIN new_dimension_sets USING (id)
    GROUP BY id
) USING (id)

-- name: add charges
CREATE OR REPLACE TEMP TABLE charged AS
SELECT
    date, set_id, currency, id, day, charge,
    md5_number(concat_ws(
        chr(31), currency, charge.meter, charge.state, coalesce(charge."priceId", ''),
        coalesce(charge."perMillion", ''), coalesce(charge."listPerMillion", ''),
        coalesce(charge."contractedPerMillion", '')
    )) AS tariff_id
FROM (SELECT date, set_id, currency, id, day, unnest(charges) AS charge FROM parts);
INSERT INTO known_tariffs
SELECT
    (SELECT count(*) FROM known_tariffs) + row_number() OVER (), tariff_id, currency, charge.meter, charge.state,
    coalesce(charge."priceId", ''), coalesce(charge."perMillion", ''), coalesce(charge."listPerMillion", ''),
    coalesce(charge."contractedPerMillion", '')
FROM (
    SELECT tariff_id, any_value(currency) AS currency, any_value(charge) AS charge
    FROM charged ANTI JOIN known_tariffs USING (tariff_id)
    GROUP BY tariff_id
);
-- A cast of a string silently rounds digits beyond the scale away, so they are looked for first.
INSERT INTO staged
SELECT
    date, sets.known, tariffs.known, charge.quantity,
    CASE
        WHEN charge.cost IS NULL THEN NULL
        WHEN exact IS NULL OR (strpos(charge.cost, '.') > 0 AND length(charge.cost) - strpos(charge.cost, '.') > 18)
        THEN error(concat(
            'a cost of line ', id, ' on ', day, ' is ', charge.cost, ': it has more than 20 digits or 18 decimals'
        ))
        ELSE exact
    END
FROM (SELECT *, TRY_CAST(charge.cost AS DECIMAL(38, 18)) AS exact FROM charged)
JOIN known_dimension_sets AS sets USING (set_id)
JOIN known_tariffs AS tariffs USING (tariff_id);
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
DROP TABLE IF EXISTS new_dimension_sets;
DROP TABLE IF EXISTS charged;
DROP TABLE staged;
DROP TABLE seen;
DROP TABLE known_dimension_sets;
DROP TABLE known_tariffs;
