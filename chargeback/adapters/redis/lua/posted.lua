-- Takes lines off the list of changed ones, unless they changed again or the day is another.
--
-- KEYS: 1 meta, 2 dirty; ARGV: 1 epoch, then line id and version in turn
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
local done = 0
for at = 2, #ARGV, 2 do
    if redis.call('HGET', KEYS[2], ARGV[at]) == ARGV[at + 1] then
        done = done + redis.call('HDEL', KEYS[2], ARGV[at])
    end
end
return done
