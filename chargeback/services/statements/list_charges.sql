-- The charges of cost centres, printed as CSV and sorted in pieces that fit into memory.

-- name: stage printed rows
-- A row is a finished line where no string asks for care; else a list of cells, which `domain.reports.manifest.cell`
-- finishes.
CREATE OR REPLACE TEMP TABLE printed_rows AS
SELECT
    cost_centre, {order},
    CASE WHEN is_plain THEN encode(concat({line})) END AS line,
    CASE WHEN NOT is_plain THEN [{cells}] END AS cells
FROM (SELECT *, {is_plain} AS is_plain FROM (SELECT *, {joined} AS joined FROM rows))
WHERE {condition}

-- name: sorted printed rows
SELECT cost_centre, line, cells
FROM printed_rows
WHERE {condition} AND charge_id >= $id AND charge_id < $end
ORDER BY cost_centre, {order}

-- name: drop printed rows
DROP TABLE IF EXISTS printed_rows
