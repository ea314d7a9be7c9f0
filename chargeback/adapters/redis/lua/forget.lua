-- Drops a day in one step, so that no event can be counted half before and half after.
-- KEYS: 1 lines, then every other key of the day; ARGV: 1 the prefix of a line's key
for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do redis.call('UNLINK', ARGV[1] .. id) end
for at = 1, #KEYS do redis.call('UNLINK', KEYS[at]) end
