-- The lines, sums and Parquet parts from which the files of a period are written.

-- name: dates of charges
SELECT min(row), max(row) FROM charges GROUP BY date ORDER BY ALL

-- name: dimension sets of slice
SELECT coalesce(min(dimension_set), 0), coalesce(max(dimension_set), 0) FROM charges WHERE row BETWEEN $first AND $last

-- name: lines of slice
COPY (
    SELECT concat(
        $start, date, ',', front, text_of_meter, quantity, text_of_price, cost, text_of_state, requests,
        text_of_price_id, back, text_of_prices, digits(list_cost), ',', digits(contracted_cost), ',',
        md5(concat(set_id, date, identity)), text_of_exchange, chr(13)
    )
    FROM priced JOIN dimension_sets USING (dimension_set)
    WHERE row BETWEEN $first AND $last AND dimension_set BETWEEN $lowest AND $highest
    ORDER BY row
) TO $file (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '')

-- name: count of non-usage rows
SELECT count(*) FROM non_usage_rows

-- name: lines of non-usage rows
COPY (
    SELECT concat(concat_ws(',', {cells}), chr(13)) FROM priced_non_usage_rows ORDER BY row
) TO $file (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '')

-- name: sums
CREATE TABLE sums AS
SELECT
    'usage' AS kind, payer, meter, state, count(*) AS rows, CAST(sum(quantity) AS DECIMAL(38, 12)) AS quantity,
    sum(requests) AS requests, CAST(sum(cost) AS DECIMAL(38, {decimals})) AS cost
FROM priced
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
FROM charges JOIN tariffs USING (tariff)
WHERE unit_price IS NOT NULL
GROUP BY ALL
ORDER BY ALL

-- name: contracted
-- Fees and true-ups are not on the invoice of the accounts.
SELECT CAST(coalesce(sum(contracted_cost), 0) AS VARCHAR) FROM (
    SELECT contracted_cost FROM usage_rows
    UNION ALL
    SELECT contracted_cost FROM priced_non_usage_rows WHERE kind = 'shared' AND meter NOT IN ('fee', 'true-up')
)

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

-- name: charges of slice
COPY (
    SELECT {columns} FROM usage_rows
    WHERE row BETWEEN $first AND $last AND dimension_set BETWEEN $lowest AND $highest
    ORDER BY row
) TO $file (FORMAT parquet, COMPRESSION zstd)

-- name: charges of non-usage rows
COPY (SELECT {columns} FROM priced_non_usage_rows ORDER BY row) TO $file (FORMAT parquet, COMPRESSION zstd)

-- name: joined charges
-- By one thread, so that the same rows give the same bytes. Larger groups would wait on disk and take thrice as long.
SET threads = 1;
COPY (FROM read_parquet($parts)) TO $file (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 40960);
SET threads = 2
