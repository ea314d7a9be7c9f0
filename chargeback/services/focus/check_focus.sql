-- The rules that hold for the rows of a FOCUS file; {relation} has the columns of `domain.reports.focus_columns`. A
-- comment names the sections of the specification that a rule is from; those of 1.3 hold where its columns are filled.

-- name: rules
-- A price times a quantity is compared to the last digit. A cast to fewer decimals takes long, so the quantity is cast
-- once for both prices, and before rows are looked for, because a condition would be worked out with all its casts.
CREATE OR REPLACE TEMP VIEW focus_rules AS
SELECT
    CASE
        -- Billed, Effective, List and Contracted Cost, 1.2
        WHEN BilledCost IS NULL OR EffectiveCost IS NULL OR ListCost IS NULL OR ContractedCost IS NULL
        THEN 'every cost is known'
        -- Charge Category, Class and Frequency, 1.2
        WHEN ChargeCategory IS NULL OR ChargeCategory NOT IN ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment')
            OR ChargeClass <> 'Correction'
            OR ChargeFrequency IS NULL OR ChargeFrequency NOT IN ('One-Time', 'Recurring', 'Usage-Based')
        THEN 'a charge has a category, class and frequency of FOCUS'
        -- Charge Period Start and End, Billing Period Start and End, 1.2
        WHEN ChargePeriodEnd IS NULL OR ChargePeriodStart >= ChargePeriodEnd
        THEN 'a charge ends after it starts'
        WHEN ChargeClass IS NULL AND (ChargePeriodStart < BillingPeriodStart OR ChargePeriodEnd > BillingPeriodEnd)
        THEN 'a charge lies within its billing period'
        WHEN ChargeClass = 'Correction' AND ChargePeriodEnd > BillingPeriodStart
        THEN 'a correction is of an earlier period'
        WHEN ChargeClass = 'Correction' AND (
            x_CorrectsPeriod IS NULL OR (x_CorrectsChargeId IS NULL AND x_SharedCostId IS NULL)
        )
        THEN 'a correction names the period and the charge that it corrects'
        -- List and Contracted Unit Price, 1.2
        WHEN ChargeClass IS NULL AND ChargeCategory NOT IN ('Adjustment', 'Credit') AND (
            ListUnitPrice IS NULL OR ContractedUnitPrice IS NULL OR PricingQuantity IS NULL
        )
        THEN 'usage has its prices'
        -- A cost is the product to the last digit, unless the price was converted or is split.
        WHEN ChargeClass IS NULL AND CASE
            WHEN exact_quantity IS NOT NULL
            THEN ListUnitPrice::DECIMAL(38, 12) * exact_quantity <> ListCost
            ELSE abs(ListUnitPrice::DOUBLE * PricingQuantity::DOUBLE - ListCost::DOUBLE)
                > 1e-6 * greatest(1, x_BillingExchangeRate::DOUBLE) + 1e-9 * abs(ListCost::DOUBLE)
        END
        THEN 'ListCost is ListUnitPrice times PricingQuantity'
        WHEN ChargeClass IS NULL AND CASE
            WHEN exact_quantity IS NOT NULL
            THEN ContractedUnitPrice::DECIMAL(38, 12) * exact_quantity <> ContractedCost
            ELSE abs(ContractedUnitPrice::DOUBLE * PricingQuantity::DOUBLE - ContractedCost::DOUBLE)
                > 1e-6 * greatest(1, x_BillingExchangeRate::DOUBLE) + 1e-9 * abs(ContractedCost::DOUBLE)
        END
        THEN 'ContractedCost is ContractedUnitPrice times PricingQuantity'
        WHEN ChargeClass IS NULL
            AND abs(ContractedCost::DOUBLE - BilledCost::DOUBLE) > x_ChargeRows * {unit} + 1e-9 * abs(BilledCost::DOUBLE)
        THEN 'BilledCost is ContractedCost but for its rounding'
        WHEN ListUnitPrice < ContractedUnitPrice OR ListUnitPrice < 0
        THEN 'ListUnitPrice is not below ContractedUnitPrice, nor below zero'
        -- Effective Cost, 1.2: nothing here is prepaid.
        WHEN EffectiveCost <> BilledCost
        THEN 'EffectiveCost is BilledCost'
        -- Pricing Quantity, 1.2
        WHEN abs(
                PricingQuantity::DOUBLE * coalesce(TRY_CAST(split_part(PricingUnit, ' ', 1) AS BIGINT), 1)
                - ConsumedQuantity::DOUBLE
            ) > 1e-9 * abs(ConsumedQuantity::DOUBLE)
        THEN 'PricingQuantity is ConsumedQuantity in pricing units'
        -- Appendix on the origination of cost data, 1.2: an internal service is its own provider and issuer.
        WHEN ProviderName <> InvoiceIssuerName OR PublisherName <> ProviderName
            OR (ServiceProviderName IS NOT NULL AND ServiceProviderName <> ProviderName)
        THEN 'the internal service is provider, publisher and issuer'
        -- Allocated Resource ID, Name and Tags, Allocated Method ID and Details, 1.3
        WHEN AllocatedMethodId IS NULL AND coalesce(
                AllocatedMethodDetails, AllocatedResourceId, AllocatedResourceName, AllocatedTags
            ) IS NOT NULL
        THEN 'only a part of a shared cost is allocated'
        WHEN AllocatedMethodId IS NOT NULL AND (SubAccountId = 'unallocated') = (AllocatedResourceId IS NOT NULL)
        THEN 'a part names what it is allocated to, unless it is unallocated'
        WHEN AllocatedResourceId IS NULL AND AllocatedTags IS NOT NULL
        THEN 'what is unallocated has no AllocatedTags'
        WHEN ((AllocatedMethodDetails->'$.Elements[0].UsageUnit') IS NULL)
            <> ((AllocatedMethodDetails->'$.Elements[0].UsageQuantity') IS NULL)
        THEN 'a usage quantity has its unit'
    END AS rule, x_ChargeId, ChargeDescription, SubAccountId, ChargePeriodStart
FROM (
    SELECT
        *, CASE
            WHEN PricingCurrency = BillingCurrency AND x_SharedCostId IS NULL AND ChargeClass IS NULL
            THEN PricingQuantity::DECIMAL(18, 6)
        END AS exact_quantity
    FROM {relation}
)

-- name: broken rows
SELECT count(rule) FROM focus_rules

-- name: first broken row
SELECT * FROM focus_rules WHERE rule IS NOT NULL ORDER BY ALL LIMIT 1

-- name: first row with wrong keys
-- Only files are read so closely: it takes long, and the keys of what is written here are words of `focus.sql`.
SELECT
    CASE
        -- Tags, 1.2: the keys of tags that are set by the provider have a prefix.
        WHEN len(list_filter(json_keys(Tags), lambda key: NOT starts_with(key, {prefix}))) > 0
        THEN 'the keys of Tags have the prefix of the service'
        -- SKU Price Details, 1.2
        WHEN len(list_filter(json_keys(SkuPriceDetails), lambda key: NOT starts_with(key, 'x_'))) > 0
        THEN 'the keys of SkuPriceDetails begin with x_'
        -- Allocated Tags, 1.3
        WHEN list_has_any(json_keys(AllocatedTags), json_keys(Tags))
        THEN 'AllocatedTags repeats no key of Tags'
    END AS rule, x_ChargeId, ChargeDescription, SubAccountId, ChargePeriodStart
FROM {relation}
WHERE rule IS NOT NULL
ORDER BY ALL
LIMIT 1

-- name: first rows that contradict each other
SELECT rule, charge, description, centre, starts
FROM (
    -- SKU Price ID and SKU Meter, 1.2: a price belongs to one SKU, and a SKU has one meter.
    SELECT
        'SkuPriceId has one SkuId' AS rule, min(x_ChargeId) AS charge, min(ChargeDescription) AS description,
        min(SubAccountId) AS centre, min(ChargePeriodStart) AS starts
    FROM {relation}
    GROUP BY SkuPriceId
    HAVING min(SkuId) <> max(SkuId)
    UNION ALL
    SELECT
        'SkuId has one SkuMeter', min(x_ChargeId), min(ChargeDescription), min(SubAccountId), min(ChargePeriodStart)
    FROM {relation}
    GROUP BY SkuId
    HAVING min(SkuMeter) <> max(SkuMeter)
    UNION ALL
    -- Invoice ID, 1.2
    SELECT
        'InvoiceId has one BillingAccountId and one BillingCurrency', min(x_ChargeId), min(ChargeDescription),
        min(SubAccountId), min(ChargePeriodStart)
    FROM {relation}
    WHERE InvoiceId IS NOT NULL
    GROUP BY InvoiceId
    HAVING min(BillingAccountId) <> max(BillingAccountId) OR min(BillingCurrency) <> max(BillingCurrency)
    UNION ALL
    -- Split cost allocation handling, 1.3: prices and dimensions of the parts are those of the whole.
    SELECT
        'the parts of a shared cost have the price, the resource and the tags of the whole', min(x_ChargeId),
        min(ChargeDescription), min(SubAccountId), min(ChargePeriodStart)
    FROM {relation}
    WHERE x_SharedCostId IS NOT NULL AND ChargeClass IS NULL
    GROUP BY x_SharedCostId, ChargePeriodStart
    HAVING
        min(x_HostListUnitPrice) <> max(x_HostListUnitPrice) OR min(ResourceId) <> max(ResourceId)
        OR min(Tags) <> max(Tags) OR min(PricingUnit) <> max(PricingUnit)
)
ORDER BY ALL
LIMIT 1

-- name: repeated digests
-- Strings are compared only where their digests are the same.
SELECT hash({identity}) AS same FROM {relation} GROUP BY same HAVING count(*) > 1

-- name: first repeated row
SELECT any_value(x_ChargeId), any_value(ChargeDescription), any_value(SubAccountId), any_value(ChargePeriodStart)
FROM {relation}
WHERE hash({identity}) IN (SELECT hash({identity}) AS same FROM {relation} GROUP BY same HAVING count(*) > 1)
GROUP BY {identity}
HAVING count(*) > 1
ORDER BY 1
LIMIT 1

-- name: shares
SELECT
    x_SharedCostId, ChargePeriodStart, ChargeClass,
    sum(CAST(AllocatedMethodDetails->'$.Elements[0].AllocatedRatio' AS DECIMAL(38, 12)))
FROM {relation}
WHERE AllocatedMethodDetails IS NOT NULL
GROUP BY ALL
ORDER BY ALL

-- name: read a file
CREATE TABLE focus AS SELECT {columns} FROM read_csv(
    $file, header = true, auto_detect = false, columns = $types, delim = ',', quote = '"', escape = '"',
    new_line = '\r\n', nullstr = ''
)

-- name: decimals of a file
SELECT coalesce(max(length(rtrim(split_part(BilledCost::VARCHAR, '.', 2), '0'))), 0) FROM focus
