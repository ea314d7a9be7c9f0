-- The stored documents of a day become its charges, and these its file.

-- name: macros
-- A cast of a string silently rounds digits beyond the scale away, so they are looked for first.
CREATE MACRO price(said, id, day) AS CASE
    WHEN said IS NULL THEN NULL
    WHEN regexp_full_match(said, '[0-9]{1,16}(\.[0-9]{1,12})?') THEN TRY_CAST(said AS DECIMAL(28, 12))
    ELSE error(concat(
        'a price of line ', id, ' on ', day, ' is ', said, ': it has more than 16 digits or 12 decimals'
    ))
END;
CREATE MACRO amount(said, id, day) AS CASE
    WHEN said IS NULL THEN NULL
    WHEN regexp_full_match(said, '-?[0-9]{1,20}(\.[0-9]{1,18})?') THEN TRY_CAST(said AS DECIMAL(38, 18))
    ELSE error(concat(
        'a cost of line ', id, ' on ', day, ' is ', said, ': it has more than 20 digits or 18 decimals'
    ))
END;
-- A number below `buckets`, the same for all rows of a line.
CREATE MACRO bucket(id, buckets) AS CAST('0x' || left(id, 6) AS BIGINT) * buckets // 16777216;
-- The quantities of a record by hour; an hour that counted nothing stays as one without a meter.
CREATE MACRO flat(hours) AS flatten(list_transform(map_entries(hours), lambda hour: if(
    cardinality(hour.value) = 0,
    [{'hour': CAST(hour.key AS INTEGER), 'meter': CAST(NULL AS VARCHAR), 'quantity': CAST(NULL AS BIGINT)}],
    list_transform(map_entries(hour.value), lambda counted: {
        'hour': CAST(hour.key AS INTEGER), 'meter': counted.key, 'quantity': counted.value
    })
)))

-- name: create charges
CREATE TABLE charges ({columns})

-- name: add documents
-- A record's hours are in the row of its first charge. A part without charges has no row.
INSERT INTO charges
SELECT
    CAST(day AS DATE), id, part_number, charge_number, CAST(part.date AS DATE), unnest(line), deployment_type, region,
    part."costCentre", part.rule, charge.meter, charge.quantity, charge.state, coalesce(charge."priceId", ''), currency,
    price(charge."perMillion", id, day), price(charge."listPerMillion", id, day),
    price(charge."contractedPerMillion", id, day), amount(charge.cost, id, day),
    CASE WHEN part_number = first_part AND charge_number = 1 THEN flat(hours) END
FROM (
    SELECT *, unnest(part.charges) AS charge, generate_subscripts(part.charges, 1) AS charge_number
    FROM (
        SELECT
            *, "deploymentType" AS deployment_type, unnest(parts) AS part, generate_subscripts(parts, 1) AS part_number,
            list_position(list_transform(parts, lambda each: len(each.charges) > 0), true) AS first_part
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
                hours: 'MAP(VARCHAR, MAP(VARCHAR, BIGINT))',
                parts: 'STRUCT(
                    date VARCHAR, "costCentre" VARCHAR, rule VARCHAR, charges STRUCT(
                        meter VARCHAR, quantity BIGINT, state VARCHAR, "priceId" VARCHAR, "perMillion" VARCHAR,
                        "listPerMillion" VARCHAR, "contractedPerMillion" VARCHAR, cost VARCHAR)[])[]'
            }
        )
        WHERE if(parts IS NULL, error(concat('line ', id, ' of ', day, ' has no parts: post the day again')), true)
    )
)

-- name: charge twice
SELECT line_id FROM charges GROUP BY line_id, part, charge HAVING count(*) > 1 ORDER BY ALL LIMIT 1

-- name: count charges
SELECT count(*) FROM charges

-- name: count rows
SELECT count(*) FROM read_parquet($file, hive_partitioning = false)

-- name: write bucket
-- By one thread, so that the same rows give the same bytes.
SET threads = 1;
COPY (
    SELECT * FROM charges
    WHERE bucket(line_id, $buckets) = $bucket
    ORDER BY {order}
) TO $file (FORMAT parquet, COMPRESSION zstd, KV_METADATA {schema: $schema});
SET threads = 2

-- name: join buckets
SET threads = 1;
COPY (FROM read_parquet($parts)) TO $file (FORMAT parquet, COMPRESSION zstd, KV_METADATA {schema: $schema});
SET threads = 2

-- name: records
-- One row for each record. Hours and charges come as JSON, which is read several times as fast as nested values are.
SELECT
    any_value(deployment_type), any_value(region), any_value(pricing_currency), {line}, to_json(any_value(hours)),
    to_json(list([
        CAST(part AS VARCHAR), CAST(charge_date AS VARCHAR), cost_centre, allocation_rule, meter,
        CAST(quantity AS VARCHAR), state, CAST(per_million AS VARCHAR), CAST(list_per_million AS VARCHAR),
        CAST(contracted_per_million AS VARCHAR), price_id, CAST(cost AS VARCHAR)
    ] ORDER BY part, charge))
FROM read_parquet($file, hive_partitioning = false)
WHERE bucket(line_id, $buckets) = $bucket AND {condition}
GROUP BY line_id

-- name: create totals
CREATE TABLE totals ({columns})

-- name: keep totals
-- Days that are as they were are taken over from the month's file as it was.
INSERT INTO totals
SELECT {columns} FROM read_parquet($before, hive_partitioning = false)
WHERE list_contains($kept, CAST(day AS VARCHAR))

-- name: add totals
INSERT INTO totals
SELECT
    day, charge_date, cost_centre, if(app_id = '', subscription_id, app_id), model, operation, state, meter,
    pricing_currency, count(*), CAST(sum(quantity) AS BIGINT), sum(cost)
FROM read_parquet($days, hive_partitioning = false)
GROUP BY ALL

-- name: write totals
SET threads = 1;
COPY (FROM totals ORDER BY {keys}) TO $file (FORMAT parquet, COMPRESSION zstd, KV_METADATA {schema: $schema});
SET threads = 2
