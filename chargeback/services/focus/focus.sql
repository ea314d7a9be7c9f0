-- Turns the rows of a period into rows of FOCUS.

-- name: macros
-- Every name of ours begins with `focus`: the views of the period would take ours for theirs.
CREATE MACRO focus_filled(words) AS CASE WHEN words = '' THEN NULL ELSE words END;
CREATE MACRO focus_pair(name, words) AS
    CASE WHEN words = '' THEN NULL ELSE '"' || name || '": ' || to_json(words)::VARCHAR END;
-- Whole units and their fractions apart: a product of all digits at once would be too long for an amount of 10^9.
CREATE MACRO focus_times(price, rate) AS
    (trunc(price)::DECIMAL(20, 0) * rate::DECIMAL(18, 12))::DECIMAL(38, 18)
    + ((price - trunc(price))::DECIMAL(13, 12) * rate::DECIMAL(18, 12))::DECIMAL(38, 18);
-- 10^12 times an amount of at most 12 decimals, which is a whole number.
CREATE MACRO focus_scaled(amount) AS
    trunc(amount)::HUGEINT * 1000000000000
    + ((amount - trunc(amount))::DECIMAL(25, 12) * 1000000000000::DECIMAL(13, 0))::HUGEINT;
-- At 12 decimals, halves up; by whole numbers, because the engine divides decimals as doubles.
CREATE MACRO focus_quotient(dividend, divisor) AS
    (dividend // divisor)::DECIMAL(38, 12)
    + (((dividend % divisor) * 1000000000000 + divisor // 2) // divisor)::DECIMAL(38, 12)
        * 0.000000000001::DECIMAL(12, 12);
CREATE MACRO focus_divided(amount, rate) AS
    CASE
        WHEN amount < 0 THEN -focus_quotient(focus_scaled(-amount), focus_scaled(rate))
        ELSE focus_quotient(focus_scaled(amount), focus_scaled(rate))
    END;
-- The whole of a shared cost is rounded when it is converted, before it is split.
CREATE MACRO focus_converted(price, rate, is_whole) AS
    CASE
        WHEN rate = 1 THEN price::DECIMAL(38, 18)
        WHEN is_whole THEN focus_times(price, rate)::DECIMAL(38, 6)::DECIMAL(38, 18)
        ELSE focus_times(price, rate)
    END;

-- What a row was charged for: a day; for a shared cost, from a day on (`2026-03-14/`); for its correction, a month.
CREATE MACRO focus_span(kind, shared_cost, corrects_period, charge_date) AS
    CASE
        WHEN shared_cost = '' THEN charge_date
        WHEN kind = 'correction' THEN corrects_period
        ELSE charge_date || '/'
    END;
-- A shared cost is told in the units of its source, where these are known.
CREATE MACRO focus_unit(unit, origin_unit) AS
    CASE WHEN origin_unit IS NULL OR origin_unit IN ('', '1 ') THEN unit ELSE origin_unit END;
-- At least one decimal place: to validators a whole number is of another type.
CREATE MACRO focus_digits(number) AS regexp_replace(number::VARCHAR, '0*$', '');
CREATE MACRO focus_decimal(digits) AS CASE WHEN ends_with(digits, '.') THEN digits || '0' ELSE digits END;
CREATE MACRO focus_number(number) AS focus_decimal(focus_digits(number));
CREATE MACRO focus_quoted(words) AS '"' || replace(words, '"', '""') || '"';
CREATE MACRO focus_cell(words) AS
    CASE WHEN regexp_matches(words, '[,"\r\n]') THEN focus_quoted(words) ELSE words END;
-- An apostrophe keeps a spreadsheet from taking a string, or a part of it, as a formula.
CREATE MACRO focus_tamed(words) AS
    regexp_replace(regexp_replace(words, {formula}, {guard}, 'g'), {leading}, {guard});
-- Likewise for what follows a separator within JSON; a reader of JSON finds the same string.
CREATE MACRO focus_json(words) AS
    CASE
        WHEN contains(words, ';') OR contains(words, '|')
        THEN replace(replace(words, ';', '\u003b'), '|', '\u007c')
        ELSE words
    END;

-- name: survey
-- What the rows that are shown add to what is known of all.
INSERT INTO focus_sizes
SELECT charge_date, cost_centre, count(*) FROM rows WHERE cost IS NOT NULL GROUP BY ALL;
INSERT INTO focus_found_spans
SELECT DISTINCT focus_span(kind, shared_cost, corrects_period, charge_date) FROM rows WHERE cost IS NOT NULL;
INSERT INTO focus_words
SELECT DISTINCT
    meter, focus_unit(unit, origin_unit), focus_unit(price_unit, '1 ' || origin_unit), provider, region,
    coalesce(allocation_measure, '')
FROM rows
WHERE cost IS NOT NULL;
INSERT INTO focus_totals
SELECT currency, sum(cost) FROM rows WHERE cost IS NOT NULL GROUP BY currency

-- name: sizes
SELECT charge_date, cost_centre, sum(rows)::BIGINT FROM focus_sizes GROUP BY ALL ORDER BY ALL

-- name: spans
SELECT DISTINCT span FROM focus_found_spans ORDER BY span

-- name: words
SELECT DISTINCT * FROM focus_words ORDER BY ALL

-- name: totals
-- The cost that the file has to come to, by currency.
SELECT currency, sum(cost)::DECIMAL(38, {places}) FROM focus_totals GROUP BY currency

-- name: lookups
CREATE TABLE focus_sizes (charge_date VARCHAR, cost_centre VARCHAR, rows BIGINT);
CREATE TABLE focus_found_spans (span VARCHAR);
CREATE TABLE focus_words (
    meter VARCHAR, unit VARCHAR, price_unit VARCHAR, provider VARCHAR, region VARCHAR, measure VARCHAR
);
CREATE TABLE focus_totals (currency VARCHAR, cost DECIMAL(38, {places}));
CREATE TABLE focus_spans (span VARCHAR, starts TIMESTAMP, ends TIMESTAMP);
CREATE TABLE focus_meters (
    meter VARCHAR, sku_meter VARCHAR, category VARCHAR, frequency VARCHAR, subcategory VARCHAR, service VARCHAR,
    token_direction VARCHAR, token_cache_action VARCHAR
);
CREATE TABLE focus_measures (measure VARCHAR, usage_unit VARCHAR);
CREATE TABLE focus_resources (shared_cost VARCHAR, resource VARCHAR, only_deployment VARCHAR);
CREATE TABLE focus_units (
    unit VARCHAR, price_unit VARCHAR, consumed_unit VARCHAR, pricing_unit VARCHAR, per_unit DECIMAL(7, 6)
);
CREATE TABLE focus_providers (provider VARCHAR, host_name VARCHAR, service_name VARCHAR);
CREATE TABLE focus_regions (region VARCHAR, region_name VARCHAR);
CREATE TABLE focus_accounts (
    cost_centre VARCHAR, account_date VARCHAR, account VARCHAR, account_name VARCHAR, account_type VARCHAR, invoice VARCHAR
);
CREATE TABLE focus_centres (cost_centre VARCHAR, centre_name VARCHAR);

-- name: charges
-- Rows that differ only in what callers claim, in the user or in the operation are summed. They are grouped by the columns
-- that the file prints, not by what these are made from: two providers that are both Microsoft are one.
CREATE OR REPLACE TEMP TABLE focus_charges AS
SELECT * FROM (
SELECT
    kind = 'correction' AS corrects, charge_date,
    focus_span(kind, shared_cost, corrects_period, charge_date) AS span, cost_centre, subscription_id, product_id, tenant_id, app_id,
    host_name, service_name, region, allocation_rule, meter, consumed_unit, pricing_unit, per_unit, state,
    price_id, shared_cost, currency,
    -- What is free of charge costs the same wherever and however it is called.
    CASE WHEN price_id = '' THEN '' ELSE deployment_type END AS deployment_type,
    CASE WHEN price_id = '' THEN '' ELSE service_tier END AS service_tier,
    CASE WHEN price_id = '' THEN '' ELSE variant END AS variant,
    -- The list price of the internal service is the published one, and never below what it charges.
    greatest(host_list_unit_price, charged_unit_price) AS list_unit_price,
    charged_unit_price AS contracted_unit_price,
    host_list_unit_price, host_contracted_unit_price,
    coalesce(focus_filled(pricing_currency), currency) AS pricing_currency,
    coalesce(exchange_rate, 1) AS exchange_rate,
    exchange_rate_date, exchange_rate_source, corrects_period, corrects_charge_id,
    coalesce(correction_reason, '') AS correction_reason,
    CASE WHEN shared_cost <> '' THEN shared_cost ELSE coalesce(focus_filled(model), focus_filled(deployment), 'unknown') END AS sku,
    CASE
        WHEN shared_cost <> '' THEN coalesce(focus_resources.resource, 'shared-costs/' || shared_cost)
        WHEN deployment <> '' THEN concat_ws('/', focus_filled(backend), 'openai/deployments', deployment)
        ELSE focus_filled(backend)
    END AS resource,
    min(CASE WHEN shared_cost <> '' THEN coalesce(focus_resources.only_deployment, shared_cost) ELSE deployment END)
        AS resource_name,
    shared_cost = '' OR focus_resources.resource IS NOT NULL AS is_deployment,
    min(concat_ws('-', focus_filled(allocation_basis), focus_filled(measure))) AS method,
    sum(allocated_ratio) AS allocated_ratio,
    min(usage_unit) AS usage_unit,
    sum(allocated_use)::DECIMAL(38, 12) AS allocated_use,
    sum(told_quantity)::DECIMAL(30, 12) AS quantity,
    sum(cost)::DECIMAL(38, {places}) AS cost,
    sum(CASE
        WHEN host_list_unit_price < charged_unit_price THEN charged_cost
        ELSE coalesce(list_cost, charged_cost)
    END)::DECIMAL(38, 18) AS list_cost,
    sum(charged_cost)::DECIMAL(38, 18) AS contracted_cost,
    sum(coalesce(contracted_cost, charged_cost))::DECIMAL(38, 18) AS host_contracted_cost,
    sum(requests)::BIGINT AS requests,
    count(*) AS rows,
    min(coalesce(price_verified, '')) AS price_verified,
    min(charge_id) AS charge_id
FROM (
    SELECT
        * REPLACE (focus_unit(unit, origin_unit) AS unit, focus_unit(price_unit, '1 ' || origin_unit) AS price_unit),
        coalesce(allocation_measure, '') AS measure,
        coalesce(exact_cost, cost::DECIMAL(38, 18)) AS charged_cost,
        CASE WHEN has_origin THEN (quantity * origin_quantity)::DECIMAL(30, 12) ELSE quantity END AS told_quantity,
        -- A price of the whole is that of a unit times their number, but for the markup.
        CASE
            WHEN NOT has_origin OR unit_price IS NULL THEN coalesce(unit_price, free)
            WHEN unit_price = list_unit_price THEN origin_unit_price
            ELSE focus_divided(unit_price, origin_quantity)
        END::DECIMAL(28, 12) AS charged_unit_price,
        CASE WHEN has_origin THEN origin_unit_price ELSE coalesce(list_unit_price, unit_price, free) END
            AS host_list_unit_price,
        CASE WHEN has_origin THEN origin_unit_price ELSE coalesce(contracted_unit_price, unit_price, free) END
            AS host_contracted_unit_price
    FROM (
        SELECT
            *, CASE WHEN price_id = '' THEN 0 END AS free, coalesce(origin_unit, '') NOT IN ('', 'units') AS has_origin
        FROM rows
    )
    WHERE charge_date BETWEEN $first AND $last AND cost_centre BETWEEN $lowest AND $highest AND cost IS NOT NULL
) AS rows
JOIN focus_units USING (unit, price_unit)
JOIN focus_providers USING (provider)
JOIN focus_measures USING (measure)
LEFT JOIN focus_resources USING (shared_cost)
GROUP BY ALL
)
JOIN focus_spans USING (span)
JOIN focus_meters USING (meter)
JOIN focus_regions USING (region)
JOIN focus_centres USING (cost_centre)
-- A cost centre has one account for all dates (none is named), or one for each.
JOIN focus_accounts USING (cost_centre)
WHERE account_date IN ('', charge_date)
ORDER BY charge_date, cost_centre, sku, meter, charge_id

-- name: focus
-- A table, because checks and files look at it half a dozen times, and each look at a view plans all its columns again.
CREATE OR REPLACE TEMP TABLE focus AS
SELECT {columns}
FROM (
SELECT
    NULL::VARCHAR AS AvailabilityZone,
    cost AS BilledCost,
    account AS BillingAccountId,
    account_name AS BillingAccountName,
    account_type AS BillingAccountType,
    currency AS BillingCurrency,
    {ends} AS BillingPeriodEnd,
    {starts} AS BillingPeriodStart,
    NULL::VARCHAR AS CapacityReservationId,
    NULL::VARCHAR AS CapacityReservationStatus,
    category AS ChargeCategory,
    CASE WHEN corrects THEN 'Correction' END AS ChargeClass,
    CASE WHEN corrects THEN 'Correction to ' || corrects_period || ': ' ELSE '' END
        || CASE
            WHEN shared_cost = '' THEN concat_ws(', ', sku, sku_meter, focus_filled(deployment_type), centre_name)
            ELSE concat(sku_meter, ' ', shared_cost)
        END AS ChargeDescription,
    frequency AS ChargeFrequency,
    ends AS ChargePeriodEnd,
    starts AS ChargePeriodStart,
    NULL::VARCHAR AS CommitmentDiscountCategory,
    NULL::VARCHAR AS CommitmentDiscountId,
    NULL::VARCHAR AS CommitmentDiscountName,
    NULL::DECIMAL(38, 18) AS CommitmentDiscountQuantity,
    NULL::VARCHAR AS CommitmentDiscountStatus,
    NULL::VARCHAR AS CommitmentDiscountType,
    NULL::VARCHAR AS CommitmentDiscountUnit,
    CASE WHEN category = 'Usage' THEN quantity END AS ConsumedQuantity,
    CASE WHEN category = 'Usage' THEN consumed_unit END AS ConsumedUnit,
    contracted_cost AS ContractedCost,
    focus_converted(contracted_unit_price, exchange_rate, is_whole) AS ContractedUnitPrice,
    cost AS EffectiveCost,
    -- An invoice has one currency: a correction of a month that was kept in another one is on an invoice of its own.
    focus_filled(invoice) || CASE WHEN currency = {currency} THEN '' ELSE '-' || currency END AS InvoiceId,
    {issuer} AS InvoiceIssuerName,
    list_cost AS ListCost,
    focus_converted(list_unit_price, exchange_rate, is_whole) AS ListUnitPrice,
    'Standard' AS PricingCategory,
    pricing_currency AS PricingCurrency,
    contracted_unit_price AS PricingCurrencyContractedUnitPrice,
    CASE WHEN exchange_rate = 1 THEN cost::DECIMAL(38, 12) ELSE focus_divided(cost, exchange_rate) END
        AS PricingCurrencyEffectiveCost,
    list_unit_price AS PricingCurrencyListUnitPrice,
    quantity * per_unit AS PricingQuantity,
    pricing_unit AS PricingUnit,
    {issuer} AS ProviderName,
    {issuer} AS PublisherName,
    focus_filled(region) AS RegionId,
    focus_filled(region_name) AS RegionName,
    resource AS ResourceId,
    focus_filled(resource_name) AS ResourceName,
    CASE
        WHEN resource IS NULL THEN NULL
        WHEN is_deployment THEN 'Model deployment'
        ELSE 'Shared cost'
    END AS ResourceType,
    'AI and Machine Learning' AS ServiceCategory,
    coalesce(focus_filled(service), service_name) AS ServiceName,
    subcategory AS ServiceSubcategory,
    sku_id AS SkuId,
    sku_meter AS SkuMeter,
    '{' || concat_ws(
        ', ',
        focus_pair('x_Meter', meter),
        focus_pair('x_DeploymentType', deployment_type),
        focus_pair('x_ServiceTier', service_tier),
        focus_pair('x_TokenDirection', token_direction),
        focus_pair('x_TokenCacheAction', token_cache_action),
        focus_pair('x_Variant', variant)
    ) || '}' AS SkuPriceDetails,
    sku_id || ':' || CASE WHEN price_id = '' THEN 'free/' || meter ELSE split_part(price_id, '@', 1) END AS SkuPriceId,
    cost_centre AS SubAccountId,
    centre_name AS SubAccountName,
    'Cost centre' AS SubAccountType,
    tags AS Tags,
    CASE
        WHEN allocated_ratio IS NOT NULL
        THEN '{"Elements": [{"AllocatedRatio": ' || focus_number(allocated_ratio)
            || CASE
                WHEN usage_unit = '' THEN ''
                ELSE ', "UsageUnit": "' || usage_unit || '", "UsageQuantity": ' || focus_number(allocated_use)
            END
            || '}]}'
    END AS AllocatedMethodDetails,
    focus_filled(method) AS AllocatedMethodId,
    CASE WHEN is_allocated THEN cost_centre END AS AllocatedResourceId,
    CASE WHEN is_allocated THEN centre_name END AS AllocatedResourceName,
    CASE WHEN is_allocated THEN '{' || focus_pair('chargeback/cost_centre', cost_centre) || '}' END AS AllocatedTags,
    host_name AS HostProviderName,
    {issuer} AS ServiceProviderName,
    focus_converted(contracted_unit_price, exchange_rate, is_whole) AS x_BilledUnitPrice,
    exchange_rate AS x_BillingExchangeRate,
    focus_filled(exchange_rate_date) AS x_BillingExchangeRateDate,
    rows AS x_ChargeRows,
    focus_filled(correction_reason) AS x_CorrectionReason,
    focus_filled(corrects_charge_id) AS x_CorrectsChargeId,
    focus_filled(corrects_period) AS x_CorrectsPeriod,
    focus_filled(allocation_rule) AS x_CostAllocationRuleName,
    cost_centre AS x_CostCenter,
    focus_filled(exchange_rate_source) AS x_ExchangeRateSource,
    host_contracted_cost AS x_HostContractedCost,
    host_contracted_unit_price AS x_HostContractedUnitPrice,
    host_list_unit_price AS x_HostListUnitPrice,
    focus_filled(price_id) AS x_PriceId,
    focus_filled(price_verified) AS x_PriceVerified,
    requests AS x_RequestCount,
    focus_filled(shared_cost) AS x_SharedCostId,
    meter AS x_SkuMeterId,
    'Chargeback' AS x_SourceName,
    state AS x_UsageState,
    charge_id AS x_ChargeId
FROM (
    SELECT
        * REPLACE (
            CASE WHEN shared_cost <> '' AND list_unit_price < 0 AND category = 'Usage' THEN 'Credit' ELSE category END
                AS category,
            -- FOCUS knows no price below zero: a shared cost of that kind is a credit, or an adjustment, without one.
            CASE WHEN list_unit_price >= 0 THEN list_unit_price END AS list_unit_price,
            CASE WHEN contracted_unit_price >= 0 THEN contracted_unit_price END AS contracted_unit_price
        ),
        sku || '/' || meter AS sku_id,
        -- What is charged once is one unit, whose price is the whole.
        shared_cost <> '' AND consumed_unit IN ('Units', 'Shares') AS is_whole,
        shared_cost <> '' AND cost_centre <> {unallocated} AS is_allocated,
        -- The parts of a shared cost have the tags of the whole; who pays a part is in AllocatedTags.
        '{' || CASE
            WHEN shared_cost <> '' THEN focus_pair('chargeback/shared_cost', shared_cost)
            ELSE concat_ws(
                ', ',
                focus_pair('chargeback/application', app_id),
                focus_pair('chargeback/cost_centre', cost_centre),
                focus_pair('chargeback/product', product_id),
                focus_pair('chargeback/subscription', subscription_id),
                focus_pair('chargeback/tenant', tenant_id)
            )
        END || '}' AS tags
    FROM focus_charges
)
);
DROP TABLE focus_charges

-- name: size of batch
SELECT count(*), sum(x_ChargeRows)::BIGINT FROM focus

-- name: cost of batch
SELECT BillingCurrency, sum(BilledCost) FROM focus GROUP BY BillingCurrency

-- name: lines
-- The parts of a line: what every version has in common, in front and at the end, and between what the later one has.
SELECT encode(concat({front})), encode(concat({further})), encode(concat({own}, chr(13), chr(10)))
FROM (
    SELECT *, {digits}, {is_plain} AS is_plain
    FROM (SELECT *, {joined} AS joined FROM focus)
)

-- name: Parquet of batch
-- Batches are joined by their row groups, so their columns must be alike; DuckDB would write a column as one that is
-- never null where it happens to know that from these rows.
SET disabled_optimizers = 'statistics_propagation';
COPY (SELECT {columns} FROM focus) TO $file (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 20480, WRITE_BLOOM_FILTER false);
RESET disabled_optimizers
