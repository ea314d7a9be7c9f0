-- The events that a recounted day has of its calls.

-- name: waiting events
-- Pending events of calls of which nothing later is known, the first of each; the log may have recovered them before.
CREATE TABLE waiting AS
SELECT min(position) FILTER (phase = $pending) AS position
FROM events ANTI JOIN elsewhere USING (position)
GROUP BY call HAVING max(phase) = $pending

-- name: waiting positions
SELECT position FROM waiting WHERE position BETWEEN $first AND $last

-- name: seen calls
SELECT call::VARCHAR, coalesce(min(phase) FILTER (phase >= $pending), max(phase)), max(phase)
FROM events SEMI JOIN (SELECT unnest($calls)::UUID AS call) USING (call)
GROUP BY call HAVING max(phase) >= 0
UNION ALL
-- Calls that are known by their response, under the id that the gateway's log has.
SELECT DISTINCT call::VARCHAR, $recovered, $recovered
FROM claims SEMI JOIN (SELECT unnest($calls)::UUID AS call) USING (call)
