-- What the rows of a period charge, for its journal.

-- name: charges
-- Charges whose cost is not known are counted: they are in no journal.
SELECT
    cost_centre,
    CASE WHEN kind = 'shared' OR shared_cost <> '' THEN 'shared' ELSE 'usage' END AS kind,
    corrects_period, charge_date, currency,
    sum(cost) AS cost,
    sum(exact_cost - contracted_cost) AS markup,
    count(*) FILTER (cost IS NULL AND state IN ('unpriced', 'unsettled')) AS unknown
FROM read_rows
GROUP BY ALL
