-- From the rows of a period to rows of FOCUS, by name; {places} is filled in, $parameters are bound.

-- name: macros
CREATE TEMP MACRO filled(words) AS CASE WHEN words = '' THEN NULL ELSE words END;
CREATE TEMP MACRO pair(name, words) AS
    CASE
        WHEN words = '' THEN NULL
        WHEN regexp_matches(words, '["\\\\\x00-\x1f\x7f]') THEN '"' || name || '": ' || to_json(words)::VARCHAR
        ELSE '"' || name || '": "' || words || '"'
    END;
CREATE TEMP MACRO converted(price, rate) AS
    CASE WHEN rate = 1 THEN price::DECIMAL(38, 18) ELSE (price::DECIMAL(21, 12) * rate::DECIMAL(17, 12))::DECIMAL(38, 18) END;

-- At least one decimal place: to validators a whole number is of another type.
CREATE TEMP MACRO number_text(number) AS
    CASE
        WHEN ends_with(rtrim(number::VARCHAR, '0'), '.') THEN rtrim(number::VARCHAR, '0') || '0'
        ELSE rtrim(number::VARCHAR, '0')
    END;
CREATE TEMP MACRO quoted(words) AS '"' || replace(words, '"', '""') || '"';
CREATE TEMP MACRO cell(words) AS
    CASE WHEN regexp_matches(words, '[,"\r\n]') THEN quoted(words) ELSE words END;
-- A leading apostrophe keeps a spreadsheet from taking a text as a formula.
CREATE TEMP MACRO tamed(words) AS
    CASE WHEN regexp_matches(words, '^[-=+@\t\r\n]') THEN '''' || words ELSE words END;

-- name: dates
SELECT charge_date, count(*) FROM rows WHERE cost IS NOT NULL GROUP BY charge_date ORDER BY charge_date

-- name: words
SELECT DISTINCT meter, unit, price_unit, provider, region FROM rows WHERE cost IS NOT NULL ORDER BY ALL

-- name: centres
SELECT DISTINCT cost_centre FROM rows WHERE cost IS NOT NULL ORDER BY cost_centre

-- name: total
SELECT coalesce(sum(cost), 0)::DECIMAL(38, {places}) FROM rows

-- name: lookups
CREATE TEMP TABLE dates (charge_date VARCHAR, starts TIMESTAMP, ends TIMESTAMP);
CREATE TEMP TABLE meters (meter VARCHAR, sku_meter VARCHAR, category VARCHAR, frequency VARCHAR, subcategory VARCHAR, service VARCHAR);
CREATE TEMP TABLE units (
    unit VARCHAR, price_unit VARCHAR, consumed_unit VARCHAR, pricing_unit VARCHAR, per_unit DECIMAL(7, 6)
);
CREATE TEMP TABLE providers (provider VARCHAR, provider_name VARCHAR, service_name VARCHAR);
CREATE TEMP TABLE regions (region VARCHAR, region_name VARCHAR);
CREATE TEMP TABLE centres (cost_centre VARCHAR, centre_name VARCHAR);

-- name: charges
-- What callers merely claim, who they are as people, and the operation do not part a row; so the columns are those that
-- the file prints, not what they are made from: two providers that are both Microsoft are one.
CREATE OR REPLACE TEMP TABLE charges AS
SELECT * FROM (
SELECT
    kind = 'correction' AS corrects, charge_date, cost_centre, subscription_id, product_id, tenant_id, app_id,
    provider_name, service_name, region, allocation_rule, meter, consumed_unit, pricing_unit, per_unit, state,
    price_id, shared_cost,
    -- What nothing is charged for costs the same wherever and however it is called.
    CASE WHEN price_id = '' THEN '' ELSE deployment_type END AS deployment_type,
    CASE WHEN price_id = '' THEN '' ELSE service_tier END AS service_tier,
    CASE WHEN price_id = '' THEN '' ELSE variant END AS variant,
    CASE WHEN price_id = '' THEN coalesce(list_unit_price, 0) ELSE list_unit_price END AS list_unit_price,
    CASE WHEN price_id = '' THEN coalesce(contracted_unit_price, 0) ELSE contracted_unit_price END
        AS contracted_unit_price,
    CASE WHEN price_id = '' THEN coalesce(unit_price, 0) ELSE unit_price END AS unit_price,
    coalesce(filled(pricing_currency), currency) AS pricing_currency,
    coalesce(exchange_rate, 1) AS exchange_rate,
    exchange_rate_date, exchange_rate_source, corrects_period, corrects_charge_id,
    CASE WHEN shared_cost <> '' THEN shared_cost ELSE coalesce(filled(model), filled(deployment), 'unknown') END AS sku,
    CASE
        WHEN shared_cost <> '' THEN 'shared-costs/' || shared_cost
        WHEN deployment <> '' THEN concat_ws('/', filled(backend), 'openai/deployments', deployment)
        ELSE filled(backend)
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
FROM rows JOIN units USING (unit, price_unit) JOIN providers USING (provider)
WHERE charge_date BETWEEN $first AND $last AND cost IS NOT NULL
GROUP BY ALL
)
JOIN dates USING (charge_date)
JOIN meters USING (meter)
JOIN regions USING (region)
JOIN centres USING (cost_centre)
ORDER BY charge_date, cost_centre, sku, meter, charge_id

-- name: described
CREATE TEMP VIEW described AS
SELECT
    NULL::VARCHAR AS AvailabilityZone,
    cost AS BilledCost,
    {account} AS BillingAccountId,
    {account_name} AS BillingAccountName,
    'Internal books' AS BillingAccountType,
    {currency} AS BillingCurrency,
    {ends} AS BillingPeriodEnd,
    {starts} AS BillingPeriodStart,
    NULL::VARCHAR AS CapacityReservationId,
    NULL::VARCHAR AS CapacityReservationStatus,
    category AS ChargeCategory,
    CASE WHEN corrects THEN 'Correction' END AS ChargeClass,
    CASE WHEN corrects THEN 'Correction to ' || corrects_period || ': ' ELSE '' END
        || CASE
            WHEN shared_cost = '' THEN concat_ws(', ', sku, sku_meter, filled(deployment_type), centre_name)
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
    converted(contracted_unit_price, exchange_rate) AS ContractedUnitPrice,
    cost AS EffectiveCost,
    {invoice} AS InvoiceId,
    provider_name AS InvoiceIssuerName,
    list_cost AS ListCost,
    converted(list_unit_price, exchange_rate) AS ListUnitPrice,
    'Standard' AS PricingCategory,
    pricing_currency AS PricingCurrency,
    contracted_unit_price AS PricingCurrencyContractedUnitPrice,
    CASE WHEN exchange_rate = 1 THEN cost::DECIMAL(38, 12) ELSE (cost / exchange_rate)::DECIMAL(38, 12) END
        AS PricingCurrencyEffectiveCost,
    list_unit_price AS PricingCurrencyListUnitPrice,
    quantity * per_unit AS PricingQuantity,
    pricing_unit AS PricingUnit,
    provider_name AS ProviderName,
    provider_name AS PublisherName,
    filled(region) AS RegionId,
    filled(region_name) AS RegionName,
    resource AS ResourceId,
    filled(resource_name) AS ResourceName,
    CASE
        WHEN resource IS NULL THEN NULL
        WHEN shared_cost <> '' THEN 'Shared cost'
        ELSE 'Model deployment'
    END AS ResourceType,
    'AI and Machine Learning' AS ServiceCategory,
    coalesce(filled(service), service_name) AS ServiceName,
    subcategory AS ServiceSubcategory,
    sku AS SkuId,
    sku_meter AS SkuMeter,
    '{' || concat_ws(
        ', ',
        pair('x_Meter', meter),
        pair('x_DeploymentType', deployment_type),
        pair('x_ServiceTier', service_tier),
        pair('x_Variant', variant)
    ) || '}' AS SkuPriceDetails,
    sku || ':' || CASE WHEN price_id = '' THEN 'free/' || meter ELSE split_part(price_id, '@', 1) END AS SkuPriceId,
    cost_centre AS SubAccountId,
    centre_name AS SubAccountName,
    'Cost centre' AS SubAccountType,
    tags AS Tags,
    CASE
        WHEN allocated_ratio IS NOT NULL
        THEN '{"Elements": [{"AllocatedRatio": ' || number_text(allocated_ratio) || '}]}'
    END AS AllocatedMethodDetails,
    filled(allocation_basis) AS AllocatedMethodId,
    CASE WHEN shared_cost <> '' THEN cost_centre END AS AllocatedResourceId,
    CASE WHEN shared_cost <> '' THEN centre_name END AS AllocatedResourceName,
    CASE WHEN shared_cost <> '' THEN tags END AS AllocatedTags,
    provider_name AS HostProviderName,
    provider_name AS ServiceProviderName,
    converted(unit_price, exchange_rate) AS x_BilledUnitPrice,
    exchange_rate AS x_BillingExchangeRate,
    filled(exchange_rate_date) AS x_BillingExchangeRateDate,
    rows AS x_ChargeRows,
    filled(corrects_charge_id) AS x_CorrectsChargeId,
    filled(corrects_period) AS x_CorrectsPeriod,
    filled(allocation_rule) AS x_CostAllocationRuleName,
    cost_centre AS x_CostCenter,
    filled(exchange_rate_source) AS x_ExchangeRateSource,
    filled(price_id) AS x_PriceId,
    requests AS x_RequestCount,
    'Chargeback' AS x_SourceName,
    state AS x_UsageState,
    charge_id AS x_ChargeId
FROM (
    SELECT
        *,
        '{' || concat_ws(
            ', ',
            pair('application', app_id),
            pair('cost_centre', cost_centre),
            pair('product', product_id),
            pair('subscription', subscription_id),
            pair('tenant', tenant_id)
        ) || '}' AS tags
    FROM charges
)

-- name: focus
CREATE TEMP VIEW focus AS SELECT {columns} FROM described
