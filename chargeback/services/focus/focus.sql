-- Turns the rows of a period into rows of FOCUS.

-- name: macros
-- Every name of ours begins with `focus`: the views of the period would take ours for theirs.
CREATE TEMP MACRO focus_filled(words) AS CASE WHEN words = '' THEN NULL ELSE words END;
CREATE TEMP MACRO focus_pair(name, words) AS
    CASE
        WHEN words = '' THEN NULL
        WHEN regexp_matches(words, '["\\\\\x00-\x1f\x7f]') THEN '"' || name || '": ' || to_json(words)::VARCHAR
        ELSE '"' || name || '": "' || words || '"'
    END;
-- Whole units and their fractions apart: a product of all digits at once would be too long for an amount of 10^9.
CREATE TEMP MACRO focus_times(price, rate) AS
    (trunc(price)::DECIMAL(20, 0) * rate::DECIMAL(18, 12))::DECIMAL(38, 18)
    + ((price - trunc(price))::DECIMAL(13, 12) * rate::DECIMAL(18, 12))::DECIMAL(38, 18);
-- 10^12 times an amount of at most 12 decimals, which is a whole number.
CREATE TEMP MACRO focus_scaled(amount) AS
    trunc(amount)::HUGEINT * 1000000000000
    + ((amount - trunc(amount))::DECIMAL(25, 12) * 1000000000000::DECIMAL(13, 0))::HUGEINT;
-- At 12 decimals, halves up; by whole numbers, because the engine divides decimals as doubles.
CREATE TEMP MACRO focus_quotient(dividend, divisor) AS
    (dividend // divisor)::DECIMAL(38, 12)
    + (((dividend % divisor) * 1000000000000 + divisor // 2) // divisor)::DECIMAL(38, 12)
        * 0.000000000001::DECIMAL(12, 12);
CREATE TEMP MACRO focus_divided(amount, rate) AS
    CASE
        WHEN amount < 0 THEN -focus_quotient(focus_scaled(-amount), focus_scaled(rate))
        ELSE focus_quotient(focus_scaled(amount), focus_scaled(rate))
    END;
-- The whole of a shared cost is rounded when it is converted, before it is split.
CREATE TEMP MACRO focus_converted(price, rate, is_whole) AS
    CASE
        WHEN rate = 1 THEN price::DECIMAL(38, 18)
        WHEN is_whole THEN focus_times(price, rate)::DECIMAL(38, 6)::DECIMAL(38, 18)
        ELSE focus_times(price, rate)
    END;

-- What a row was charged for: a day; for a shared cost, from a day on (`2026-03-14/`); for its correction, a month.
CREATE TEMP MACRO focus_span(kind, shared_cost, corrects_period, charge_date) AS
    CASE
        WHEN shared_cost = '' THEN charge_date
        WHEN kind = 'correction' THEN corrects_period
        ELSE charge_date || '/'
    END;
-- At least one decimal place: to validators a whole number is of another type.
CREATE TEMP MACRO focus_number(number) AS
    CASE
        WHEN ends_with(rtrim(number::VARCHAR, '0'), '.') THEN rtrim(number::VARCHAR, '0') || '0'
        ELSE rtrim(number::VARCHAR, '0')
    END;
CREATE TEMP MACRO focus_quoted(words) AS '"' || replace(words, '"', '""') || '"';
CREATE TEMP MACRO focus_cell(words) AS
    CASE WHEN regexp_matches(words, '[,"\r\n]') THEN focus_quoted(words) ELSE words END;
-- An apostrophe keeps a spreadsheet from taking a string, or a part of it, as a formula.
CREATE TEMP MACRO focus_tamed(words) AS
    regexp_replace(regexp_replace(words, {formula}, {guard}, 'g'), {leading}, {guard});
-- Likewise for what follows a separator within JSON; a reader of JSON finds the same string.
CREATE TEMP MACRO focus_json(words) AS replace(replace(words, ';', '\u003b'), '|', '\u007c');

-- name: sizes
SELECT charge_date, cost_centre, count(*)
FROM rows
WHERE cost IS NOT NULL
GROUP BY charge_date, cost_centre
ORDER BY charge_date, cost_centre

-- name: spans
SELECT DISTINCT focus_span(kind, shared_cost, corrects_period, charge_date) AS span
FROM rows
WHERE cost IS NOT NULL
ORDER BY span

-- name: words
SELECT DISTINCT meter, unit, price_unit, provider, region FROM rows WHERE cost IS NOT NULL ORDER BY ALL

-- name: totals
-- The cost that the file has to come to, by currency.
SELECT currency, sum(cost)::DECIMAL(38, {places}) FROM rows WHERE cost IS NOT NULL GROUP BY currency

-- name: lookups
CREATE TEMP TABLE focus_spans (span VARCHAR, starts TIMESTAMP, ends TIMESTAMP);
CREATE TEMP TABLE focus_meters (meter VARCHAR, sku_meter VARCHAR, category VARCHAR, frequency VARCHAR, subcategory VARCHAR, service VARCHAR);
CREATE TEMP TABLE focus_units (
    unit VARCHAR, price_unit VARCHAR, consumed_unit VARCHAR, pricing_unit VARCHAR, per_unit DECIMAL(7, 6)
);
CREATE TEMP TABLE focus_providers (provider VARCHAR, provider_name VARCHAR, service_name VARCHAR);
CREATE TEMP TABLE focus_regions (region VARCHAR, region_name VARCHAR);
CREATE TEMP TABLE focus_centres (cost_centre VARCHAR, centre_name VARCHAR);

-- name: charges
-- Rows that differ only in what callers claim, in the user or in the operation are summed. They are grouped by the columns
-- that the file prints, not by what these are made from: two providers that are both Microsoft are one.
CREATE OR REPLACE TEMP TABLE focus_charges AS
SELECT * FROM (
SELECT
    kind = 'correction' AS corrects, charge_date,
    focus_span(kind, shared_cost, corrects_period, charge_date) AS span, cost_centre, subscription_id, product_id, tenant_id, app_id,
    provider_name, service_name, region, allocation_rule, meter, consumed_unit, pricing_unit, per_unit, state,
    price_id, shared_cost, currency,
    -- What is free of charge costs the same wherever and however it is called.
    CASE WHEN price_id = '' THEN '' ELSE deployment_type END AS deployment_type,
    CASE WHEN price_id = '' THEN '' ELSE service_tier END AS service_tier,
    CASE WHEN price_id = '' THEN '' ELSE variant END AS variant,
    coalesce(list_unit_price, unit_price, free) AS list_unit_price,
    coalesce(contracted_unit_price, unit_price, free) AS contracted_unit_price,
    coalesce(unit_price, free) AS unit_price,
    coalesce(focus_filled(pricing_currency), currency) AS pricing_currency,
    coalesce(exchange_rate, 1) AS exchange_rate,
    exchange_rate_date, exchange_rate_source, corrects_period, corrects_charge_id,
    coalesce(correction_reason, '') AS correction_reason,
    CASE WHEN shared_cost <> '' THEN shared_cost ELSE coalesce(focus_filled(model), focus_filled(deployment), 'unknown') END AS sku,
    CASE
        WHEN shared_cost <> '' THEN 'shared-costs/' || shared_cost
        WHEN deployment <> '' THEN concat_ws('/', focus_filled(backend), 'openai/deployments', deployment)
        ELSE focus_filled(backend)
    END AS resource,
    min(CASE WHEN shared_cost <> '' THEN shared_cost ELSE deployment END) AS resource_name,
    min(allocation_basis) AS allocation_basis,
    sum(allocated_ratio) AS allocated_ratio,
    sum(quantity)::DECIMAL(30, 12) AS quantity,
    sum(cost)::DECIMAL(38, {places}) AS cost,
    sum(coalesce(list_cost, exact_cost, cost::DECIMAL(38, 18)))::DECIMAL(38, 18) AS list_cost,
    sum(coalesce(contracted_cost, exact_cost, cost::DECIMAL(38, 18)))::DECIMAL(38, 18) AS contracted_cost,
    sum(requests)::BIGINT AS requests,
    count(*) AS rows,
    min(charge_id) AS charge_id
FROM (SELECT *, CASE WHEN price_id = '' THEN 0 END AS free FROM rows)
JOIN focus_units USING (unit, price_unit)
JOIN focus_providers USING (provider)
WHERE charge_date BETWEEN $first AND $last AND cost_centre BETWEEN $lowest AND $highest AND cost IS NOT NULL
GROUP BY ALL
)
JOIN focus_spans USING (span)
JOIN focus_meters USING (meter)
JOIN focus_regions USING (region)
JOIN focus_centres USING (cost_centre)
ORDER BY charge_date, cost_centre, sku, meter, charge_id

-- name: described
CREATE TEMP VIEW focus_described AS
SELECT
    NULL::VARCHAR AS AvailabilityZone,
    cost AS BilledCost,
    {account} AS BillingAccountId,
    {account_name} AS BillingAccountName,
    'Internal books' AS BillingAccountType,
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
            ELSE concat(sku_meter, ' ', shared_cost, ', part of ', centre_name)
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
    focus_converted(contracted_unit_price, exchange_rate, shared_cost <> '') AS ContractedUnitPrice,
    cost AS EffectiveCost,
    -- An invoice has one currency: a correction of a month that was kept in another one is on an invoice of its own.
    {invoice} || CASE WHEN currency = {currency} THEN '' ELSE '-' || currency END AS InvoiceId,
    provider_name AS InvoiceIssuerName,
    list_cost AS ListCost,
    focus_converted(list_unit_price, exchange_rate, shared_cost <> '') AS ListUnitPrice,
    'Standard' AS PricingCategory,
    pricing_currency AS PricingCurrency,
    contracted_unit_price AS PricingCurrencyContractedUnitPrice,
    CASE WHEN exchange_rate = 1 THEN cost::DECIMAL(38, 12) ELSE focus_divided(cost, exchange_rate) END
        AS PricingCurrencyEffectiveCost,
    list_unit_price AS PricingCurrencyListUnitPrice,
    quantity * per_unit AS PricingQuantity,
    pricing_unit AS PricingUnit,
    provider_name AS ProviderName,
    provider_name AS PublisherName,
    focus_filled(region) AS RegionId,
    focus_filled(region_name) AS RegionName,
    resource AS ResourceId,
    focus_filled(resource_name) AS ResourceName,
    CASE
        WHEN resource IS NULL THEN NULL
        WHEN shared_cost <> '' THEN 'Shared cost'
        ELSE 'Model deployment'
    END AS ResourceType,
    'AI and Machine Learning' AS ServiceCategory,
    coalesce(focus_filled(service), service_name) AS ServiceName,
    subcategory AS ServiceSubcategory,
    sku AS SkuId,
    sku_meter AS SkuMeter,
    '{' || concat_ws(
        ', ',
        focus_pair('x_Meter', meter),
        focus_pair('x_DeploymentType', deployment_type),
        focus_pair('x_ServiceTier', service_tier),
        focus_pair('x_Variant', variant)
    ) || '}' AS SkuPriceDetails,
    sku || ':' || CASE WHEN price_id = '' THEN 'free/' || meter ELSE split_part(price_id, '@', 1) END AS SkuPriceId,
    cost_centre AS SubAccountId,
    centre_name AS SubAccountName,
    'Cost centre' AS SubAccountType,
    tags AS Tags,
    CASE
        WHEN allocated_ratio IS NOT NULL
        THEN '{"Elements": [{"AllocatedRatio": ' || focus_number(allocated_ratio) || '}]}'
    END AS AllocatedMethodDetails,
    focus_filled(allocation_basis) AS AllocatedMethodId,
    CASE WHEN shared_cost <> '' THEN cost_centre END AS AllocatedResourceId,
    CASE WHEN shared_cost <> '' THEN centre_name END AS AllocatedResourceName,
    CASE WHEN shared_cost <> '' THEN tags END AS AllocatedTags,
    provider_name AS HostProviderName,
    provider_name AS ServiceProviderName,
    focus_converted(unit_price, exchange_rate, shared_cost <> '') AS x_BilledUnitPrice,
    exchange_rate AS x_BillingExchangeRate,
    focus_filled(exchange_rate_date) AS x_BillingExchangeRateDate,
    rows AS x_ChargeRows,
    focus_filled(correction_reason) AS x_CorrectionReason,
    focus_filled(corrects_charge_id) AS x_CorrectsChargeId,
    focus_filled(corrects_period) AS x_CorrectsPeriod,
    focus_filled(allocation_rule) AS x_CostAllocationRuleName,
    cost_centre AS x_CostCenter,
    focus_filled(exchange_rate_source) AS x_ExchangeRateSource,
    focus_filled(price_id) AS x_PriceId,
    requests AS x_RequestCount,
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
        '{' || concat_ws(
            ', ',
            focus_pair('application', app_id),
            focus_pair('cost_centre', cost_centre),
            focus_pair('product', product_id),
            focus_pair('subscription', subscription_id),
            focus_pair('tenant', tenant_id)
        ) || '}' AS tags
    FROM focus_charges
)

-- name: focus
CREATE TEMP VIEW focus AS SELECT {columns} FROM focus_described

-- name: size of batch
SELECT count(*), sum(rows)::BIGINT FROM focus_charges

-- name: cost of batch
SELECT currency, sum(cost) FROM focus_charges GROUP BY currency

-- name: lines
SELECT concat({cells}) FROM focus

-- name: Parquet of batch
COPY (SELECT {columns} FROM focus) TO $file (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 20480)

-- name: joined Parquet
COPY (FROM read_parquet($parts)) TO $file (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 20480)
