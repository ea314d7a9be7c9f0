-- Drops a day in one step, so that no event can be counted half before and half after.
--
-- KEYS: 1 meta, 2 lines, then every other key of the day; ARGV: those of seen.lua
for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do redis.call('UNLINK', prefix .. 'line:' .. id) end
for length = first_digits, digits do
    for number = 0, 16 ^ length - 1 do
        redis.call('UNLINK', set_prefix .. string.format('%0' .. length .. 'x', number))
    end
end
for at = 1, #KEYS do redis.call('UNLINK', KEYS[at]) end
