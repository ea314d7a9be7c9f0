-- The provider's invoice: the columns of a cost export as strings, so that no amount is ever a double.

-- name: table
CREATE TABLE charges ({columns})

-- name: columns of Parquet
DESCRIBE FROM read_parquet($file)

-- name: columns of CSV
DESCRIBE FROM read_csv(
    $file, all_varchar = true, header = true, delim = ',', quote = '"', escape = '"', sample_size = -1
)

-- name: add Parquet
INSERT INTO charges SELECT {columns} FROM read_parquet($file)

-- name: add CSV
INSERT INTO charges SELECT {columns} FROM read_csv(
    $file, all_varchar = true, header = true, delim = ',', quote = '"', escape = '"', sample_size = -1
)

-- name: size of the invoice
SELECT count(*), min(left(ChargePeriodStart, 10)), max(left(ChargePeriodStart, 10)) FROM charges

-- name: first that is not a number
-- With its line in the file, of which the header is the first.
SELECT rowid - $start + 2, "{column}"
FROM charges
WHERE rowid >= $start AND "{column}" IS NOT NULL AND try_cast("{column}" AS DECIMAL(38, 18)) IS NULL
LIMIT 1

-- name: first that is empty
SELECT rowid - $start + 2, CASE WHEN {cost} IS NULL THEN '{cost}' ELSE 'ChargePeriodStart' END
FROM charges
WHERE rowid >= $start AND (
    {cost} IS NULL OR NOT regexp_matches(coalesce(ChargePeriodStart, ''), '^\d{4}-\d\d-\d\d')
)
LIMIT 1

-- name: find ours
CREATE TABLE ours AS
WITH texts AS (
    SELECT
        left(ChargePeriodStart, 10) AS day,
        lower(coalesce(ResourceId, '')) AS resource_id,
        regexp_extract(resource_id, '/providers/microsoft\.cognitiveservices/accounts/([^/]+)', 1) AS account,
        *
    FROM charges
)
SELECT * FROM texts
WHERE starts_with(day, $period)
    AND (
        len(list_filter($accounts, lambda known: account = known OR starts_with(account, concat(known, '-')))) > 0
        OR list_contains($services, lower(coalesce(ServiceName, '')))
    )
    AND ($scope = [] OR len(list_filter($scope, lambda start: starts_with(resource_id, start))) > 0)

-- name: write ours
-- As the provider said them; the same rows in any order give the same bytes.
SET threads = 1;
COPY (SELECT {columns} FROM ours ORDER BY ALL) TO $file (FORMAT parquet, COMPRESSION zstd, KV_METADATA {
    run: $run, sha256: $sha256
});
SET threads = 2

-- name: invoices
SELECT DISTINCT InvoiceId FROM ours WHERE InvoiceId IS NOT NULL ORDER BY ALL

-- name: charges of the accounts
SELECT
    day, account, coalesce(lower(x_SkuMeterId), ''), coalesce(x_SkuMeterName, SkuMeter, ''),
    coalesce(x_PricingUnitDescription, PricingUnit, ''), coalesce(PricingUnit, ''), ChargeCategory,
    try_cast(x_PricingBlockSize AS DECIMAL(38, 18)) AS block,
    coalesce(BillingCurrency, '') AS currency,
    try_cast(x_BillingExchangeRate AS DECIMAL(38, 18)) AS rate,
    ChargeCategory = 'Purchase' AND coalesce(ChargeFrequency, '') = 'One-Time' AS is_paid_ahead,
    sum(try_cast(PricingQuantity AS DECIMAL(38, 18))) AS quantity,
    sum(try_cast({cost} AS DECIMAL(38, 18))) AS cost
FROM ours
GROUP BY ALL
ORDER BY ALL
