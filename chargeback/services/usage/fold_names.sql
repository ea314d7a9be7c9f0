-- Which names of a caller come after its first ones, and the events whose lines are folded because of that.

-- name: count of lines
SELECT count(DISTINCT line) FROM lines

-- name: distinct lines
SELECT line::VARCHAR, any_value(text) FROM lines GROUP BY line

-- name: further names
CREATE TABLE further AS
WITH firsts AS (
    SELECT caller, name, min({'written': written, 'position': position}) AS first
    FROM events JOIN foldable USING (line)
    GROUP BY caller, name
)
SELECT name FROM firsts QUALIFY row_number() OVER (PARTITION BY caller ORDER BY first) > $most

-- name: folded
INSERT INTO folded
SELECT position, others FROM events JOIN foldable USING (line) WHERE name IN (SELECT name FROM further)

-- name: fold events
UPDATE events SET line = folded.line FROM folded WHERE events.position = folded.position
