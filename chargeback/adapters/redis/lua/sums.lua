-- The functions that all counting scripts share; this text is put in front of each script.
--
-- KEYS: 1 meta, 2 states, 3 lines, 4 dirty, 5 spend, 6 pending, 7 names, 8 beyond, 9 accounts
-- ARGV in addition to those of seen.lua: 4 the batch (MessagePack): {lines: [[id, text, scopes, caller,
--       account, …]…], entries: […]}, 5 a new epoch, 6 the most lines of a day, then of one caller, and its most waiting calls,
--       7 who calls, 8 the epoch and 9 the number of the last call of theirs that was answered; further ones are the
--       script's own
--
-- A line's key is prefix .. 'line:' .. id. It is no KEYS entry, because a later phase also changes the line that its call
-- was counted under, which only the stores know; it carries the day's hash tag, so it lies in the same slot as KEYS.
-- `names` holds for each caller how many lines (l:…), names (n:…) and waiting calls (p:…) of the day it has, and
-- each name (t:…). `beyond` holds for each caller how many calls wait for which there was no room.
-- `accounts` holds what the accounts of states stand for: {id, text, scopes} of a line, packed.
-- A field is 32 times the hour, and the place of the meter in METERS, from 0; a line's key has its name, such as 09:requests.
-- Redis does not roll a script back: decode and check before the first write.
local PENDING = 1
local batch = cmsgpack.unpack(ARGV[4])
local lines, entries = batch[1], batch[2]
local most_lines, most_of_one, most_waiting = ARGV[6]:match('^(%d+) (%d+) (%d+)$')
most_lines, most_of_one, most_waiting = tonumber(most_lines), tonumber(most_of_one), tonumber(most_waiting)

redis.call('HSETNX', KEYS[1], 'epoch', ARGV[5])
local epoch = redis.call('HGET', KEYS[1], 'epoch')
local turn = redis.call('HINCRBY', KEYS[1], 'by:' .. ARGV[7], 1)
if epoch == ARGV[8] and turn <= tonumber(ARGV[9]) then
    -- A replica that knew less took over: what was lost is in the ledger, and another epoch has it counted again.
    epoch = ARGV[5]
    redis.call('HSET', KEYS[1], 'epoch', epoch)
end
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)

local kept = redis.call('HLEN', KEYS[3])
local kept_of = {}  -- caller → its lines
local admitted = {}

local function lines_of(caller)
    if not kept_of[caller] then
        kept_of[caller] = tonumber(redis.call('HGET', KEYS[7], 'l:' .. caller) or '0')
    end
    return kept_of[caller]
end

-- Whether the day has room for a line.
local function has_room(line)
    if not admitted[line[1]] and redis.call('HEXISTS', KEYS[3], line[1]) == 0 then
        if kept >= most_lines or lines_of(line[4]) >= most_of_one then return false end
        kept = kept + 1
        kept_of[line[4]] = kept_of[line[4]] + 1
    end
    admitted[line[1]] = true
    return true
end

-- Keep the outline of a call that waits for its tokens; where its caller has too many, it is only counted.
local function wait(call, outline, caller)
    local waiting = 'p:' .. caller
    if tonumber(redis.call('HGET', KEYS[7], waiting) or '0') < most_waiting then
        redis.call('HINCRBY', KEYS[7], waiting, redis.call('HSET', KEYS[6], call, outline))
    else
        redis.call('HINCRBY', KEYS[8], caller, 1)
    end
end

-- A call of this state waits no more.
local function leave(call, state, caller)
    if redis.call('HDEL', KEYS[6], call) == 1 then
        redis.call('HINCRBY', KEYS[7], 'p:' .. caller, -1)
    elseif cmsgpack.unpack(state)[1] == PENDING then
        redis.call('HINCRBY', KEYS[8], caller, -1)
    end
end

local told = {}

-- Keep what the account of a line stands for, so that a state may name it.
local function tell(line)
    local account = line[5]
    if account ~= '' and not told[account] then
        redis.call('HSETNX', KEYS[9], account, cmsgpack.pack({line[1], line[2], line[3]}))
        told[account] = true
    end
    return account
end

local sums = {}   -- line id → {text, totals by field}
local spent = {}  -- scope → picodollars

local function add(line, picodollars, contribution, first, sign)
    local sum = sums[line[1]]
    if not sum then
        sum = {line[2], {}, line[4]}
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

local function write()
    for id, sum in pairs(sums) do
        local key = prefix .. 'line:' .. id
        local new = redis.call('HSETNX', KEYS[3], id, sum[1]) == 1
        for field, quantity in pairs(sum[2]) do
            local name = string.format('%02d:%s', math.floor(field / 32), METERS[field % 32 + 1])
            redis.call('HINCRBY', key, name, string.format('%.0f', quantity))
        end
        if new then
            redis.call('EXPIREAT', key, expires)
            redis.call('HINCRBY', KEYS[7], 'l:' .. (sum[3] or ''), 1)
        end
        redis.call('HSET', KEYS[4], id, version)
    end
    for scope, picodollars in pairs(spent) do
        -- Beyond 64 bits the spend stays where it is: a budget passed that far must not stop the counting.
        redis.pcall('HINCRBY', KEYS[5], scope, string.format('%.0f', picodollars))
    end
    for at = 1, 9 do redis.call('EXPIREAT', KEYS[at], expires) end
end
