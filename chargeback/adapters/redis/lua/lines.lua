-- What lines of a day are and count: their texts, then the fields and quantities of each in turn. False where the day
-- is another. One command for all of them: writing and reading one for each line costs the client more than rating it.
--
-- KEYS: 1 meta, 2 lines; ARGV: 1 epoch, 2 the prefix of a line's key, then line ids
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return false end
local texts, counts = {}, {}
for at = 3, #ARGV do
    texts[at - 2] = redis.call('HGET', KEYS[2], ARGV[at])
    counts[at - 2] = redis.call('HGETALL', ARGV[2] .. ARGV[at])
end
return {texts, counts}
