-- Which event counts for each call, and under which line.

-- name: repeated
-- Events of calls of more than one event, and of calls that are known from polls alone or by another identity, too: the
-- only ones where an event might not count.
CREATE TABLE repeated AS
WITH calls AS (
    SELECT call FROM events GROUP BY call HAVING count(*) > 1 OR min(phase) = $poll
    UNION SELECT call FROM claims
)
SELECT
    position,
    call,
    phase,
    line,
    hour,
    row_number() OVER (PARTITION BY call ORDER BY phase DESC, written, position) AS place,
    min(phase) OVER (PARTITION BY call) AS earliest,
    row_number() OVER same AS repetition,
    hash(line, hour, {meters}) IS DISTINCT FROM first_value(hash(line, hour, {meters})) OVER same AS differs,
    first_value(line) OVER own AS first_line,
    first_value(hour) OVER own AS first_hour
FROM events SEMI JOIN calls USING (call)
WINDOW
    same AS (PARTITION BY call, phase ORDER BY written, position),
    own AS (PARTITION BY call ORDER BY phase < $pending, phase, written, position)

-- name: idle
-- Events that do not count: a later phase or an earlier copy accounts for the call, a poll stands alone, or what others
-- say of the call is in its own events, which are known by another identity.
CREATE TABLE idle AS
SELECT position, repetition > 1 AS duplicate, differs
FROM repeated
WHERE place > 1
    OR (phase = $poll AND earliest = $poll)
    OR (phase <= $recovered AND call IN (SELECT call FROM claims))

-- name: moved
-- Events that say what a call used whose first phase said who made it.
CREATE TABLE moved AS
SELECT position, line AS last_line, hour, first_line, first_hour
FROM repeated
WHERE place = 1 AND phase IN ($settled, $poll) AND (first_line <> line OR first_hour <> hour)

-- name: texts
CREATE VIEW texts AS SELECT line, any_value(text) AS text FROM lines GROUP BY line

-- name: pairs of lines
SELECT first_line::VARCHAR, last_line::VARCHAR, first.text, last.text
FROM (SELECT DISTINCT first_line, last_line FROM moved WHERE first_line <> last_line)
JOIN texts AS first ON first.line = first_line
JOIN texts AS last ON last.line = last_line

-- name: counted as
-- The line and hour of events that count under others than their own.
CREATE TABLE counted_as AS
SELECT position, coalesce(attributed.line, last_line) AS line, first_hour AS hour
FROM moved LEFT JOIN attributed USING (first_line, last_line)
WHERE attributed.line IS NOT NULL OR first_hour <> hour

-- name: counted as folded
INSERT INTO counted_as
SELECT position, folded.line, hour FROM folded JOIN events USING (position) ANTI JOIN counted_as USING (position)

-- name: elsewhere
INSERT INTO elsewhere
SELECT position
FROM events JOIN (SELECT call, max(rank) AS rank FROM neighbours WHERE rank >= 0 GROUP BY call) AS other USING (call)
WHERE other.rank {outranks} CASE WHEN phase < $recovered THEN -1 WHEN phase = $recovered THEN 0 ELSE 2 END

-- name: idle elsewhere
INSERT INTO idle SELECT DISTINCT position, true, true FROM elsewhere ANTI JOIN idle USING (position)

-- name: forget neighbour
DELETE FROM neighbours
