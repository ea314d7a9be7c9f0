-- Marks every line of a day as changed, and returns the version of that change; 0 where there is no line.
-- KEYS: 1 meta, 2 lines, 3 dirty; ARGV: 1 when the day expires (Unix seconds)
local ids = redis.call('HKEYS', KEYS[2])
if #ids == 0 then return 0 end
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
for _, id in ipairs(ids) do redis.call('HSET', KEYS[3], id, version) end
redis.call('EXPIREAT', KEYS[3], ARGV[1])
return version
