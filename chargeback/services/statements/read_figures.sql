-- Reads the figures that the pages of statements show from the sums.

-- name: attach sums
ATTACH {file} AS sums (READ_ONLY)

-- name: figures of centres
SELECT cost_centre, {columns}
FROM sums.{table}
WHERE cost_centre BETWEEN $first AND $last
ORDER BY ALL

-- name: days below
SELECT
    charge_date, kind, split_part(substr(cost_centre, $length + 2), '/', 1) AS child,
    sum(cost), sum(requests)::BIGINT, sum(unknown)::BIGINT
FROM sums.days
WHERE kind <> 'correction' AND (cost_centre = $path OR starts_with(cost_centre, $path || '/'))
GROUP BY ALL
ORDER BY ALL
