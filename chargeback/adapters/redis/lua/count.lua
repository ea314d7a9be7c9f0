-- Counts events of calls that are not known yet. Returns one character an event, then the states of the calls
-- with a '3', each followed by what its account stands for: 1 it is counted, 0 it changes nothing, 2 there is no room
-- for it and nothing of it was taken, 3 its call is known and unfinished, so that what they make together has to be
-- worked out (see merge.lua). Before them the epoch and the number of this call, after them the places of folded lines.
--
-- ARGV in addition to those of sums.lua: 10 the sum of all quantities of the batch, 11 the most quantities of a day,
--       12 the most names of a caller
-- A line with a name that may be folded has two more fields: […, name, place of the line of further names].
-- An entry: [call, phase, line, picodollars, outline, counts (1 or 0), field, quantity, …].
--
-- `states` holds the state of each call that is not final, packed: {phase, counted, account, picodollars, contribution},
-- after which a call of several events has more (see `adapters.redis.calls`). A call that is seen and has no state is
-- final. `mass` is more than any sum of the day, so while it is in bounds no sum can overflow.
local FINAL = 4

local most_quantities = tonumber(ARGV[11])
local mass = tonumber(redis.call('HGET', KEYS[1], 'mass') or '0')
local is_tight = mass + tonumber(ARGV[10]) > most_quantities or kept + #lines > most_lines
for _, line in ipairs(lines) do
    is_tight = is_tight or (line[4] ~= nil and lines_of(line[4]) + #lines > most_of_one)
end
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
    redis.call('HSET', KEYS[2], event[1], cmsgpack.pack({event[2], event[6] == 1, tell(line), event[4], contribution}))
    if event[2] == PENDING then wait(event[1], event[5], line[4]) end
end

-- The places of lines whose caller has too many names: from here on they are the line of further names.
local folded = {}
for place, line in ipairs(lines) do
    if line[6] then
        local name, names = 't:' .. line[6], 'n:' .. line[4]
        if redis.call('HEXISTS', KEYS[7], name) == 0 then
            if tonumber(redis.call('HGET', KEYS[7], names) or '0') >= tonumber(ARGV[12]) then
                folded[#folded + 1] = place
            else
                redis.call('HSET', KEYS[7], name, 1)
                redis.call('HINCRBY', KEYS[7], names, 1)
            end
        end
    end
end
for _, place in ipairs(folded) do lines[place] = lines[lines[place][7]] end

local flags, states = {}, {}
for number, event in ipairs(entries) do
    local line = lines[event[3]]
    if is_tight and not fits(event, line) then
        flags[number] = '2'
    elseif see(event[1]) then
        if event[2] ~= FINAL then remember(event, line) end
        if event[6] == 1 then add(line, event[4], event, 7, 1) end
        flags[number] = event[6] == 1 and '1' or '0'
    else
        local state = redis.call('HGET', KEYS[2], event[1])
        flags[number] = state and '3' or '0'
        if state then
            states[#states + 1] = state
            states[#states + 1] = redis.call('HGET', KEYS[9], cmsgpack.unpack(state)[3]) or ''
        end
    end
end
redis.call('HINCRBY', KEYS[1], 'mass', is_tight and string.format('%.0f', added) or ARGV[10])
keep_seen()
write()
return {epoch, turn, table.concat(flags), states, folded}
