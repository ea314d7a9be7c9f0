-- Which calls a day has seen, each once: in sets of integers, which Redis keeps at eight bytes a member as long as a set
-- has at most 512 (the default of every version). A larger set costs more memory, and nothing else.
--
-- KEYS[1] is the day's meta. ARGV: 1 the prefix of the day's keys, 2 the digits of a set's name on a new day and the
-- calls that a set takes on average, 3 when the day expires (Unix seconds); further ones are the script's own
--
-- A call is given as five hexadecimal digits and an integer (see `adapters.redis.calls.known_as`): its first digits name
-- its set, the integer is its member. When the sets are full, later calls go into sets whose names have a digit more,
-- sixteen times as many. Earlier calls stay where they are, and every call is looked for there first.
-- The sets are no KEYS entries, because only the calls say which they are; they carry the day's hash tag, so they lie in
-- the same slot as KEYS.
local MOST_DIGITS = 5
local sub = string.sub
local prefix, expires = ARGV[1], ARGV[3]
local first_digits, most_in_set = ARGV[2]:match('^(%d+) (%d+)$')
first_digits, most_in_set = tonumber(first_digits), tonumber(most_in_set)

-- The digits of the longest names of sets, the calls in those sets, and how many such sets there are.
local digits, calls, sets = (redis.call('HGET', KEYS[1], 'seen') or ''):match('^(%d+) (%d+) (%d+)$')
digits, calls, sets = tonumber(digits) or first_digits, tonumber(calls) or 0, tonumber(sets) or 0
local set_prefix, all_sets = prefix .. 'seen:', 16 ^ digits

-- Whether a call is in a set of which the names have fewer digits than these.
local function is_in_set_before(call, member, these)
    for fewer = first_digits, these - 1 do
        if redis.call('SISMEMBER', set_prefix .. sub(call, 1, fewer), member) == 1 then return true end
    end
    return false
end

-- Whether the day has seen a call.
local function is_seen(call)
    return is_in_set_before(call, sub(call, MOST_DIGITS + 1), digits + 1)
end

-- Whether a call is new to the day, which has seen it from now on.
local function see(call)
    local member = sub(call, MOST_DIGITS + 1)
    if is_in_set_before(call, member, digits) then return false end
    local set = set_prefix .. sub(call, 1, digits)
    if redis.call('SADD', set, member) == 0 then return false end
    calls = calls + 1
    if sets < all_sets and redis.call('SCARD', set) == 1 then
        sets = sets + 1
        redis.call('EXPIREAT', set, expires)
    end
    return true
end

-- Keep what `see` has changed.
local function keep_seen()
    if calls >= most_in_set * all_sets and digits < MOST_DIGITS then digits, calls, sets = digits + 1, 0, 0 end
    redis.call('HSET', KEYS[1], 'seen', string.format('%d %.0f %d', digits, calls, sets))
end
