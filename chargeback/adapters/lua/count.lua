-- Counts events of calls of which nothing is known yet. Returns one character an event, then the states of the calls
-- with a '3': 1 it is counted, 0 it changes nothing, 2 there is no room for it and nothing of it was taken, 3 its call
-- is known and unfinished, so that what they make together has to be worked out (see merge.lua). Before them the epoch
-- and the number of this call.
--
-- ARGV beside those of sums.lua: 9 the sum of all quantities of the batch, 10 the most quantities of a day
-- An entry: [call, phase, line, picodollars, outline, counts (1 or 0), field, quantity, …].
--
-- `seen` holds 'F' for a call that is final, else its state, packed: {phase, counted, line, picodollars, contribution},
-- after which a call of several events has more (see `adapters.redis_calls`). `mass` is more than any sum of the day, so
-- while it is in bounds no sum can overflow.
local PENDING, FINAL = 1, 4

local most_quantities = tonumber(ARGV[10])
local mass = tonumber(redis.call('HGET', KEYS[1], 'mass') or '0')
local is_tight = mass + tonumber(ARGV[9]) > most_quantities or kept + #lines > most_lines
local added = 0

-- Whether a day that is nearly full has room for an event; what it takes up is noted.
local function fits(event, line)
    local own = 0
    for at = 8, #event, 2 do own = own + event[at] end
    if mass + added + own > most_quantities or (event[6] == 1 and not has_room(line)) then return false end
    added = added + own
    return true
end

local function remember(event, line)
    local contribution = {}
    for at = 7, #event do contribution[at - 6] = event[at] end
    redis.call('HSET', KEYS[2], event[1], cmsgpack.pack({event[2], event[6] == 1, line, event[4], contribution}))
    if event[2] == PENDING then redis.call('HSET', KEYS[6], event[1], event[5]) end
end

local flags, states = {}, {}
for number, event in ipairs(entries) do
    local line = lines[event[3]]
    if is_tight and not fits(event, line) then
        flags[number] = '2'
    elseif redis.call('HSETNX', KEYS[2], event[1], 'F') == 1 then
        if event[2] ~= FINAL then remember(event, line) end
        if event[6] == 1 then add(line, event[4], event, 7, 1) end
        flags[number] = event[6] == 1 and '1' or '0'
    else
        local state = redis.call('HGET', KEYS[2], event[1])
        flags[number] = state == 'F' and '0' or '3'
        if state ~= 'F' then states[#states + 1] = state end
    end
end
redis.call('HINCRBY', KEYS[1], 'mass', is_tight and string.format('%.0f', added) or ARGV[9])
write()
return {epoch, turn, table.concat(flags), states}
