-- A recounted day: `events` has a row for each line of the ledger, `position` is its place there.

-- name: create table
CREATE TABLE {table} ({columns})

-- name: add meter
ALTER TABLE events ADD COLUMN {meter} BIGINT

-- name: load rows
INSERT INTO {table} ({columns}) FROM read_csv(
    $paths, columns = $columns, header = false, auto_detect = false, delim = ',', quote = '"', escape = '"',
    new_line = '\n'
)

-- name: lowest phase
SELECT min(phase) FROM events

-- name: totals
SELECT
    (SELECT count(*) FROM events) - count(*),
    count(*) FILTER (duplicate),
    count(*) FILTER (differs)
FROM idle

-- name: conflicting calls
SELECT DISTINCT call FROM events SEMI JOIN (SELECT position FROM idle WHERE differs) USING (position)
ORDER BY call LIMIT $limit

-- name: sums of lines
WITH sums AS (
    SELECT coalesce(counted_as.line, counted.line) AS line, coalesce(counted_as.hour, counted.hour) AS hour, {sums}
    FROM (SELECT * FROM events ANTI JOIN idle USING (position)) AS counted LEFT JOIN counted_as USING (position)
    GROUP BY ALL
)
SELECT line::VARCHAR, text, hour, {meters}
FROM sums JOIN texts USING (line)
ORDER BY line, hour

-- name: idle positions
SELECT position FROM idle WHERE position BETWEEN $first AND $last

-- name: unheard positions
-- Positions of a piece that a counter must not get; among the others it takes the event that counts here.
SELECT position FROM idle WHERE duplicate AND position BETWEEN $first AND $last
UNION SELECT position FROM elsewhere WHERE position BETWEEN $first AND $last

-- name: folded events
SELECT position, text FROM folded JOIN texts USING (line) WHERE position BETWEEN $first AND $last

-- name: counted under another line
SELECT position, text, hour FROM counted_as JOIN texts USING (line) WHERE position BETWEEN $first AND $last
