-- The rules that hold for the rows of a FOCUS file; {relation} has the columns of `domain.reports.focus`.

-- name: first broken row
SELECT
    CASE
        WHEN BilledCost IS NULL OR EffectiveCost IS NULL OR ListCost IS NULL OR ContractedCost IS NULL
        THEN 'every cost is known'
        WHEN ChargeCategory IS NULL OR ChargeCategory NOT IN ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment')
            OR ChargeClass <> 'Correction'
            OR ChargeFrequency IS NULL OR ChargeFrequency NOT IN ('One-Time', 'Recurring', 'Usage-Based')
        THEN 'a charge has a category, class and frequency of FOCUS'
        WHEN ChargePeriodEnd IS NULL OR ChargePeriodStart >= ChargePeriodEnd
        THEN 'a charge ends after it starts'
        WHEN ChargeClass IS NULL AND (ChargePeriodStart < BillingPeriodStart OR ChargePeriodEnd > BillingPeriodEnd)
        THEN 'a charge lies within its billing period'
        WHEN ChargeClass = 'Correction' AND ChargePeriodEnd > BillingPeriodStart
        THEN 'a correction is of an earlier period'
        WHEN ChargeClass = 'Correction' AND (
            x_CorrectsPeriod IS NULL OR (x_CorrectsChargeId IS NULL AND AllocatedMethodId IS NULL)
        )
        THEN 'a correction names the period and the charge that it corrects'
        WHEN ChargeClass IS NULL AND ChargeCategory NOT IN ('Adjustment', 'Credit') AND (
            ListUnitPrice IS NULL OR ContractedUnitPrice IS NULL OR PricingQuantity IS NULL
        )
        THEN 'usage has its prices'
        -- A cost is the product to the last digit, unless the price was converted or is split.
        WHEN ChargeClass IS NULL AND CASE
            WHEN PricingCurrency = BillingCurrency AND AllocatedMethodId IS NULL
            THEN ListUnitPrice::DECIMAL(38, 12) * PricingQuantity::DECIMAL(18, 6) <> ListCost
            ELSE abs(ListUnitPrice::DOUBLE * PricingQuantity::DOUBLE - ListCost::DOUBLE)
                > 1e-6 + 1e-9 * abs(ListCost::DOUBLE)
        END
        THEN 'ListCost is ListUnitPrice times PricingQuantity'
        WHEN ChargeClass IS NULL AND CASE
            WHEN PricingCurrency = BillingCurrency AND AllocatedMethodId IS NULL
            THEN ContractedUnitPrice::DECIMAL(38, 12) * PricingQuantity::DECIMAL(18, 6) <> ContractedCost
            ELSE abs(ContractedUnitPrice::DOUBLE * PricingQuantity::DOUBLE - ContractedCost::DOUBLE)
                > 1e-6 + 1e-9 * abs(ContractedCost::DOUBLE)
        END
        THEN 'ContractedCost is ContractedUnitPrice times PricingQuantity'
        WHEN ChargeClass IS NULL
            AND abs(x_BilledUnitPrice::DOUBLE * PricingQuantity::DOUBLE - BilledCost::DOUBLE)
                > x_ChargeRows * {unit} + 1e-9 * abs(BilledCost::DOUBLE)
        THEN 'BilledCost is x_BilledUnitPrice times PricingQuantity but for its rounding'
        WHEN EffectiveCost <> BilledCost
        THEN 'EffectiveCost is BilledCost'
        WHEN abs(
                PricingQuantity::DOUBLE * coalesce(TRY_CAST(split_part(PricingUnit, ' ', 1) AS BIGINT), 1)
                - ConsumedQuantity::DOUBLE
            ) > 1e-9 * abs(ConsumedQuantity::DOUBLE)
        THEN 'PricingQuantity is ConsumedQuantity in pricing units'
    END AS rule, x_ChargeId, ChargeDescription, SubAccountId, ChargePeriodStart
FROM {relation}
WHERE rule IS NOT NULL
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
    ResourceId, ChargePeriodStart, ChargeClass,
    sum(CAST(AllocatedMethodDetails->'$.Elements[0].AllocatedRatio' AS DECIMAL(38, 12)))
FROM {relation}
WHERE AllocatedMethodDetails IS NOT NULL
GROUP BY ALL
ORDER BY ALL

-- name: read a file
CREATE TABLE focus AS FROM read_csv(
    $file, header = true, auto_detect = false, columns = $types, delim = ',', quote = '"', escape = '"',
    new_line = '\r\n', nullstr = ''
)

-- name: decimals of a file
SELECT coalesce(max(length(rtrim(split_part(BilledCost::VARCHAR, '.', 2), '0'))), 0) FROM focus
