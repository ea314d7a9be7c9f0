-- What a day knows of calls: for each 'F' if it is final, else its state; nothing of a call that was not seen.
--
-- KEYS: 1 meta, 2 states; ARGV in addition to those of seen.lua: 4 the calls (MessagePack)
local found = {}
for number, call in ipairs(cmsgpack.unpack(ARGV[4])) do
    found[number] = is_seen(call) and (redis.call('HGET', KEYS[2], call) or 'F')
end
return found
