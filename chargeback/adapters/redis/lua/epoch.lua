-- The day's epoch. It is another one once the version before has counted something of the day, which it keeps under
-- other keys: then only the ledger has it all.
--
-- KEYS: 1 meta, 2 meta as the version before keeps it; ARGV: 1 a new epoch
local epoch = redis.call('HGET', KEYS[1], 'epoch')
local elsewhere = redis.call('HGET', KEYS[2], 'version')
if epoch and elsewhere and redis.call('HGET', KEYS[1], 'elsewhere') ~= elsewhere then
    epoch = ARGV[1]
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'elsewhere', elsewhere)
end
return epoch
