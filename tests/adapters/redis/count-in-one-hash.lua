-- Counts a packed batch of events of one day, each call once; returns one character an event: 1 it changed something, 0 not.
--
-- KEYS: 1 meta, 2 seen, 3 lines, 4 dirty, 5 spend, 6 pending
-- ARGV: 1 the batch (MessagePack), 2 a new epoch, 3 when the day expires (Unix seconds), 4 the prefix of a line's key
--
-- The batch: {lines: [[id, text, scopes]…], events: [[call, phase, line, picodollars, raw, field, quantity, …]…]}.
-- A line's key is prefix .. id. It is no KEYS entry, because a settled call also changes the line that it was pending
-- under, which only the script knows; it carries the day's hash tag, so it lies in the same slot as KEYS.
--
-- `seen` holds 'F' for a call that is final, else what it was counted as, packed: {phase, counted, line, picodollars,
-- contribution}, so that a later phase can replace it. Redis does not roll a script back: decode before the first write.
local batch = cmsgpack.unpack(ARGV[1])
local lines, events = batch[1], batch[2]
local expires, prefix = ARGV[3], ARGV[4]
local PENDING, POLL, FINAL = 1, 3, 4

redis.call('HSETNX', KEYS[1], 'epoch', ARGV[2])
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)

local sums = {}   -- line id → {text, totals by field}
local spent = {}  -- scope → picodollars

local function add(line, picodollars, contribution, first, sign)
    local sum = sums[line[1]]
    if not sum then
        sum = {line[2], {}}
        sums[line[1]] = sum
    end
    local totals = sum[2]
    for at = first, #contribution, 2 do
        local field = contribution[at]
        totals[field] = (totals[field] or 0) + sign * contribution[at + 1]
    end
    if picodollars ~= 0 then
        for _, scope in ipairs(line[3]) do
            spent[scope] = (spent[scope] or 0) + sign * picodollars
        end
    end
end

local function remember(event, line, counted)
    local contribution = {}
    for at = 6, #event do contribution[at - 5] = event[at] end
    redis.call('HSET', KEYS[2], event[1], cmsgpack.pack({event[2], counted, line, event[4], contribution}))
end

local function first_sight(event, line)
    local phase = event[2]
    if phase == FINAL then return true end
    remember(event, line, phase ~= POLL)
    if phase == PENDING then redis.call('HSET', KEYS[6], event[1], event[5]) end
    return phase ~= POLL
end

-- Another event of a known call. The second result says that something changed although this event does not count.
local function seen_before(event, line)
    local call, phase = event[1], event[2]
    local state = redis.call('HGET', KEYS[2], call)
    if state == 'F' then return false, false end
    local known = cmsgpack.unpack(state)
    if known[1] == POLL and not known[2] and phase < POLL then
        known[2] = true  -- the poll waited for the call that it completes
        redis.call('HSET', KEYS[2], call, cmsgpack.pack(known))
        add(known[3], known[4], known[5], 1, 1)
        return false, true
    end
    if phase <= known[1] then return false, false end
    if known[2] then add(known[3], known[4], known[5], 1, -1) end
    redis.call('HDEL', KEYS[6], call)
    if phase == FINAL then redis.call('HSET', KEYS[2], call, 'F') else remember(event, line, true) end
    return true, true
end

local changed = {}
for number, event in ipairs(events) do
    local line = lines[event[3]]
    local counts, changes
    if redis.call('HSETNX', KEYS[2], event[1], 'F') == 1 then
        counts = first_sight(event, line)
        changes = counts
    else
        counts, changes = seen_before(event, line)
    end
    if counts then add(line, event[4], event, 6, 1) end
    changed[number] = changes and '1' or '0'
end

for id, sum in pairs(sums) do
    local key = prefix .. id
    local new = redis.call('HSETNX', KEYS[3], id, sum[1]) == 1
    for field, quantity in pairs(sum[2]) do
        redis.call('HINCRBY', key, field, string.format('%.0f', quantity))
    end
    if new then redis.call('EXPIREAT', key, expires) end
    redis.call('HSET', KEYS[4], id, version)
end
for scope, picodollars in pairs(spent) do
    -- Beyond 64 bits the spend stays where it is: a budget passed that far must not stop the counting.
    redis.pcall('HINCRBY', KEYS[5], scope, string.format('%.0f', picodollars))
end
for at = 1, 6 do redis.call('EXPIREAT', KEYS[at], expires) end
return table.concat(changed)
