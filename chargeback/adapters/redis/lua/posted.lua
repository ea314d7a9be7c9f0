-- Takes lines off the list of changed ones, unless they changed again or the day is another.
--
-- KEYS: 1 meta, 2 dirty; ARGV: 1 epoch, 2 the line ids and 3 their versions as text, both packed
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
local ids, versions = cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[3])
local posted = {}
for at, version in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do
    if version == versions[at] then posted[#posted + 1] = ids[at] end
end
return #posted > 0 and redis.call('HDEL', KEYS[2], unpack(posted)) or 0
