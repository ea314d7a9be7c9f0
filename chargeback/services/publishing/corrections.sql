-- Corrections of a closed period: what its books say now, less what has been billed for it.

-- name: find corrections
-- One date at a time, so that memory stays small however much of a period has changed.
-- A row of the difference has the identity of the charge that is wrong, missing or gone: the same usage at the same
-- price has the same charge_id for ever. Amounts first, since most charges are as they were.
-- A file that was billed before prices had a word for how they are known is looked up in the catalogue.
COPY (
    WITH booked AS (
        SELECT * FROM usage_rows WHERE date = CAST($date AS DATE)
    ), billed AS (
        SELECT charge_id, {described}, {amounts}
        FROM billed_rows
        WHERE kind = 'usage' AND charge_date = $date
        UNION ALL BY NAME
        SELECT corrects_charge_id AS charge_id, {described}, {amounts}
        FROM corrected_rows
        WHERE
            kind = 'correction' AND corrects_period = $period AND corrects_charge_id <> '' AND shared_cost = ''
            AND charge_date = $date
    ), differences AS (
        SELECT charge_id, {sums}
        FROM (
            SELECT charge_id, {amounts} FROM booked
            UNION ALL BY NAME
            SELECT charge_id, {negated} FROM billed
        )
        GROUP BY charge_id
        HAVING {differ}
    ), described AS (
        SELECT DISTINCT ON (charge_id)
            * REPLACE (coalesce(
                price_verified,
                (
                    SELECT any_value(verified) FROM price_origins AS origin
                    WHERE origin.price_id = either.price_id AND origin.list_unit_price = either.list_unit_price
                        AND origin.contracted_unit_price = either.contracted_unit_price
                        AND origin.unit_price = either.unit_price
                ),
                ''
            ) AS price_verified)
        FROM (
            SELECT 1 AS source, charge_id, {described} FROM booked SEMI JOIN differences USING (charge_id)
            UNION ALL BY NAME
            SELECT 2 AS source, charge_id, {described} FROM billed SEMI JOIN differences USING (charge_id)
        ) AS either
        ORDER BY charge_id, source
    )
    -- The same usage at another price or for another payer is taken from one charge and given to another. What is more
    -- or less than before is more or less usage; so is what takes away only usage that no price was known of.
    SELECT
        'correction' AS kind, md5(concat_ws(chr(31), 'correction', $period, charge_id)) AS charge_id,
        {described}, {amounts}, $period AS corrects_period, charge_id AS corrects_charge_id, '' AS shared_cost,
        '' AS allocation_basis,
        CASE
            WHEN quantity = 0 THEN $exchange_rate
            WHEN min(quantity) OVER same >= 0 THEN $late
            WHEN max(quantity) OVER same <= 0 THEN $recounted
            WHEN bool_and(quantity > 0 OR exact_cost IS NULL) OVER same AND bool_or(exact_cost IS NOT NULL) OVER same
                THEN $late
            WHEN min(cost_centre) OVER same <> max(cost_centre) OVER same THEN $payer
            ELSE $rated_again
        END AS correction_reason
    FROM differences JOIN described USING (charge_id)
    WINDOW same AS (PARTITION BY {usage}, meter)
) TO $file (FORMAT parquet)

-- name: successors
CREATE OR REPLACE TABLE successors (cost_centre VARCHAR, successor VARCHAR)

-- name: tables of closed usage
CREATE TABLE closed_usage (
    period VARCHAR, charge_date VARCHAR, cost_centre VARCHAR, backend VARCHAR, deployment VARCHAR,
    deployment_type VARCHAR, model VARCHAR, service_tier VARCHAR, variant VARCHAR, meter VARCHAR, unit VARCHAR,
    quantity DECIMAL(38, 12), exact_cost DECIMAL(38, 18), contracted_cost DECIMAL(38, 18)
);
CREATE TABLE closed_corrections AS
SELECT *, NULL::VARCHAR AS corrects_charge_id, NULL::INTEGER AS turn FROM closed_usage WHERE false;
CREATE TABLE first_payers (period VARCHAR, corrects_charge_id VARCHAR, cost_centre VARCHAR);
CREATE TABLE closed_shared_costs (period VARCHAR, shared_cost VARCHAR, contracted_cost DECIMAL(38, 18))

-- name: add closed corrections
-- From one file after the other, each with a higher turn.
INSERT INTO closed_corrections
SELECT
    $period, charge_date, cost_centre, backend, deployment, deployment_type, model, service_tier, variant, meter, unit,
    quantity, exact_cost, contracted_cost, corrects_charge_id, $turn
FROM read_rows
WHERE kind = 'correction' AND corrects_period = $period AND shared_cost = '';
INSERT INTO closed_shared_costs
SELECT $period, shared_cost, contracted_cost
FROM read_rows
WHERE
    (kind = 'shared' AND $turn = 0)
    OR (kind = 'correction' AND corrects_period = $period AND corrects_charge_id <> '' AND shared_cost <> '')

-- name: add closed usage
INSERT INTO first_payers
SELECT $period, charge_id, cost_centre
FROM read_rows
WHERE kind = 'usage' AND charge_id IN (SELECT corrects_charge_id FROM closed_corrections WHERE period = $period);
INSERT INTO closed_usage
SELECT
    $period, charge_date, cost_centre, backend, deployment, deployment_type, model, service_tier, variant, meter, unit,
    sum(quantity), sum(exact_cost), sum(contracted_cost)
FROM read_rows
WHERE kind = 'usage'
GROUP BY ALL

-- name: usage of a closed period
-- Its usage as billed, with its corrections: shared costs of the period are split by it. A correction counts for the
-- cost centre that was charged first, even if a successor pays it: otherwise that successor would have used less than
-- nothing.
WITH corrections AS (
    SELECT * FROM closed_corrections WHERE period = $period AND turn <= $turns
), charged AS (
    SELECT corrects_charge_id, arg_min(cost_centre, turn) AS charged
    FROM (
        SELECT corrects_charge_id, cost_centre, -1 AS turn FROM first_payers WHERE period = $period
        UNION ALL BY NAME
        SELECT corrects_charge_id, cost_centre, turn FROM corrections
    )
    GROUP BY corrects_charge_id
)
SELECT
    cost_centre, backend, deployment, deployment_type, model, {measures}, service_tier, variant, meter,
    CAST(sum(quantity) AS VARCHAR), CAST(coalesce(sum(contracted_cost), 0) AS VARCHAR)
FROM (
    SELECT * FROM closed_usage WHERE period = $period
    UNION ALL BY NAME
    SELECT * EXCLUDE (corrects_charge_id, turn, charged) REPLACE (charged AS cost_centre)
    FROM corrections JOIN charged USING (corrects_charge_id)
)
WHERE charge_date BETWEEN $first AND $last
GROUP BY ALL
ORDER BY ALL

-- name: billed of a shared cost
SELECT CAST(coalesce(sum(contracted_cost), 0) AS VARCHAR)
FROM closed_shared_costs
WHERE period = $period AND shared_cost = $shared_cost

-- name: add corrections
INSERT INTO pending_rows BY NAME
SELECT * EXCLUDE (successor) REPLACE (coalesce(successor, cost_centre) AS cost_centre)
FROM read_parquet($files) LEFT JOIN successors USING (cost_centre)

