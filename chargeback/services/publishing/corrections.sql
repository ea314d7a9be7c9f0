-- What the books say now of a closed period, less what has been billed for it.

-- name: find corrections
-- Of one date, so that memory stays small however much of a period has changed.
-- A row of the difference has the identity of the charge that is wrong, missing or gone: the same usage at the same
-- price has the same charge_id for ever. Amounts first, since most charges are as they were.
COPY (
    WITH booked AS (
        SELECT * FROM usage_rows WHERE date = CAST($date AS DATE)
    ), billed AS (
        SELECT charge_id, {described}, {amounts}
        FROM read_parquet($billed)
        WHERE kind = 'usage' AND charge_date = $date
        UNION ALL BY NAME
        SELECT corrects_charge_id AS charge_id, {described}, {amounts}
        FROM read_parquet({later})
        WHERE
            kind = 'correction' AND corrects_period = $period AND corrects_charge_id <> '' AND charge_date = $date
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
        SELECT DISTINCT ON (charge_id) *
        FROM (
            SELECT 1 AS source, charge_id, {described} FROM booked SEMI JOIN differences USING (charge_id)
            UNION ALL BY NAME
            SELECT 2 AS source, charge_id, {described} FROM billed SEMI JOIN differences USING (charge_id)
        )
        ORDER BY charge_id, source
    )
    SELECT
        'correction' AS kind, md5(concat_ws(chr(31), 'correction', $period, charge_id)) AS charge_id,
        {described}, {amounts}, $period AS corrects_period, charge_id AS corrects_charge_id, '' AS shared_cost,
        '' AS allocation_basis
    FROM differences JOIN described USING (charge_id)
) TO $file (FORMAT parquet)

-- name: add corrections
INSERT INTO unnumbered BY NAME SELECT * FROM read_parquet({files})
