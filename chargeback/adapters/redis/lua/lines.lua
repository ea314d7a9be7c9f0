-- What lines of a day are and count: their texts, then the fields and quantities of each in turn. False where the day
-- is another. One command for all of them: writing and reading one for each line costs the client more than rating it.
--
-- KEYS: 1 meta, 2 lines; ARGV: 1 epoch, 2 the prefix of a line's key, 3 the line ids, packed
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return false end
local ids, counts = cmsgpack.unpack(ARGV[3]), {}
for at, id in ipairs(ids) do counts[at] = redis.call('HGETALL', ARGV[2] .. id) end
return {redis.call('HMGET', KEYS[2], unpack(ids)), counts}
