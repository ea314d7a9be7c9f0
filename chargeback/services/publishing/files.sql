-- The lines, sums and Parquet parts from which the files of a period are written.

-- name: bins
-- Consecutive cost centres with about $rows rows together: a slice never has rows of two bins.
CREATE TABLE bins AS
SELECT payer, cost_centre, CAST((sum(rows) OVER (ORDER BY cost_centre) - 1) // $rows AS UINTEGER) AS bin
FROM (SELECT payer, cost_centre, sum(rows) AS rows FROM payers JOIN payer_sums USING (payer) WHERE currency = $currency GROUP BY ALL)

-- name: ranges of part
SELECT
    min(row), max(row), min(dimension_set), max(dimension_set), CAST(date AS VARCHAR), bin, min(cost_centre),
    max(cost_centre)
FROM charges JOIN bins USING (payer)
GROUP BY date, bin
ORDER BY ALL

-- name: printed dimension sets
-- Most sets need neither quotes nor apostrophes, which one look at all strings together tells. The room that those of the
-- part before had in the file is free only after a checkpoint.
DROP TABLE IF EXISTS printed_dimension_sets;
CHECKPOINT;
CREATE TABLE printed_dimension_sets AS
SELECT
    dimension_set, set_id,
    if(is_plain, concat_ws(',', {front}), concat_ws(',', {front_cells})) AS front,
    if(is_plain, concat_ws(',', {back}), concat_ws(',', {back_cells})) AS back
FROM (SELECT *, {is_plain} AS is_plain FROM (SELECT *, {joined} AS joined FROM dimension_sets))
ORDER BY dimension_set

-- name: lines of slice
COPY (
    SELECT concat(
        $start, date, ',', front, text_of_meter, quantity, text_of_price, cost, text_of_state, requests,
        text_of_price_id, back, text_of_prices, digits(list_cost), ',', digits(contracted_cost), ',',
        md5(concat(set_id, date, identity)), text_of_exchange, chr(13)
    )
    FROM priced JOIN printed_dimension_sets USING (dimension_set)
    WHERE row BETWEEN $first AND $last AND dimension_set BETWEEN $lowest AND $highest
    ORDER BY row
) TO $file (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '')

-- name: count of non-usage rows
SELECT count(*) FROM non_usage_rows

-- name: lines of non-usage rows
COPY (
    SELECT concat(concat_ws(',', {cells}), chr(13)) FROM priced_non_usage_rows ORDER BY row
) TO $file (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '')

-- name: tables of sums
CREATE TABLE tariff_sums (
    payer UINTEGER, tariff UINTEGER, rows BIGINT, quantity HUGEINT, requests HUGEINT, cost DECIMAL(38, {decimals}),
    contracted_cost DECIMAL(38, 18)
)

-- name: sum charges
INSERT INTO tariff_sums
SELECT payer, tariff, count(*), sum(quantity), sum(requests), sum(cost), sum(contracted_cost)
FROM priced
GROUP BY ALL

-- name: sums
CREATE TABLE sums AS
SELECT
    'usage' AS kind, payer, meter, state, sum(rows)::HUGEINT AS rows,
    CAST(sum(quantity) AS DECIMAL(38, 12)) AS quantity, sum(requests)::HUGEINT AS requests,
    CAST(sum(cost) AS DECIMAL(38, {decimals})) AS cost
FROM tariff_sums JOIN tariffs USING (tariff)
GROUP BY ALL
UNION ALL
SELECT
    kind, payer, meter, state, count(*), CAST(sum(quantity) AS DECIMAL(38, 12)), sum(requests),
    CAST(sum(cost) AS DECIMAL(38, {decimals}))
FROM priced_non_usage_rows
GROUP BY ALL

-- name: summary
SELECT
    cost_centre, currency, coalesce(sum(cost), 0)::DECIMAL(38, {decimals}), coalesce(sum(requests), 0)::HUGEINT,
    {meters},
    coalesce(sum(rows), 0)::HUGEINT,
    coalesce(sum(rows) FILTER (state = 'unpriced'), 0)::HUGEINT,
    coalesce(sum(requests) FILTER (state = 'unsettled'), 0)::HUGEINT,
    coalesce(sum(cost) FILTER (state = 'estimated'), 0)::DECIMAL(38, {decimals}),
    {kinds}
FROM payers LEFT JOIN sums USING (payer)
GROUP BY payer, currency, cost_centre
ORDER BY cost_centre, currency

-- name: states
SELECT
    state, currency, meter, kind, sum(rows)::HUGEINT, sum(cost)::DECIMAL(38, {decimals}), sum(quantity)::HUGEINT
FROM sums JOIN payers USING (payer)
GROUP BY ALL
ORDER BY ALL

-- name: prices
SELECT
    price_id, meter, unit_price, list_unit_price, contracted_unit_price, price_unit, pricing_currency,
    sum(quantity)::HUGEINT
FROM tariff_sums JOIN tariffs USING (tariff)
WHERE unit_price IS NOT NULL
GROUP BY ALL
ORDER BY ALL

-- name: contracted
-- Fees and true-ups are not on the invoice of the accounts.
SELECT CAST(coalesce(sum(contracted_cost), 0) AS VARCHAR) FROM (
    SELECT contracted_cost FROM tariff_sums
    UNION ALL
    SELECT contracted_cost FROM priced_non_usage_rows WHERE kind = 'shared' AND meter NOT IN ('fee', 'true-up')
)

-- name: unverified
-- What is charged at prices that neither the provider's list nor an invoice shows. A fee is a price of the company's own.
SELECT verified, source, model, currency, sum(rows)::HUGEINT, sum(cost)::DECIMAL(38, {decimals})
FROM (
    SELECT price_verified AS verified, source, model, $currency AS currency, rows, cost
    FROM tariff_sums
    JOIN tariffs USING (tariff)
    LEFT JOIN price_origins USING (price_id, list_unit_price, contracted_unit_price, unit_price)
    WHERE price_id <> ''
    UNION ALL
    SELECT
        others.price_verified, if(shared_cost = '', origin.source, shared_cost),
        if(shared_cost = '', origin.model, ''), currency, 1, cost
    FROM priced_non_usage_rows AS others
    LEFT JOIN price_origins AS origin USING (price_id, list_unit_price, contracted_unit_price, unit_price)
    WHERE price_id <> '' AND meter <> 'fee'
)
WHERE verified NOT IN {proven}
GROUP BY ALL
HAVING sum(cost) <> 0
ORDER BY sum(cost) DESC, verified, source, model, currency

-- name: corrections
SELECT corrects_period, currency, count(*), coalesce(sum(cost), 0)::DECIMAL(38, {decimals})
FROM priced_non_usage_rows
WHERE kind = 'correction'
GROUP BY ALL
ORDER BY ALL

-- name: shared costs
SELECT shared_cost, corrects_period, allocation_basis, currency, cost_centre, allocated_ratio, exact_cost, cost
FROM priced_non_usage_rows
WHERE shared_cost <> '' AND corrects_charge_id = ''
ORDER BY ALL

-- name: write all columns as nullable
-- Files are joined by their row groups, so their columns must be alike; DuckDB would write a column as one that is never
-- null where it happens to know that from these rows.
SET disabled_optimizers = 'statistics_propagation'

-- name: charges of slice
COPY (
    SELECT {columns} FROM usage_rows
    WHERE row BETWEEN $first AND $last AND dimension_set BETWEEN $lowest AND $highest
    ORDER BY row
) TO $file (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 40960, WRITE_BLOOM_FILTER false)

-- name: ranges of non-usage rows
SELECT min(row), max(row), min(charge_date), max(charge_date), min(cost_centre), max(cost_centre), count(*)
FROM (SELECT *, (row_number() OVER (ORDER BY row) - 1) // $rows AS slice FROM non_usage_rows)
GROUP BY slice
ORDER BY ALL

-- name: charges of non-usage rows
COPY (
    SELECT {columns} FROM priced_non_usage_rows WHERE row BETWEEN $first AND $last ORDER BY row
) TO $file (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 40960, WRITE_BLOOM_FILTER false)

-- name: charges of nothing
COPY (SELECT {columns} FROM usage_rows WHERE false) TO $file (FORMAT parquet, COMPRESSION zstd)
