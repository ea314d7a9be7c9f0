-- Sets what several events of a call make together, on condition that nobody changed the call meanwhile. Returns one
-- character a call: 1 it is set, 0 its state is another one by now, 2 there is no room for its line.
--
-- ARGV in addition to those of sums.lua: for each entry the state that it was worked out from, and the new one,
-- 'F' for a call that is final.
-- An entry: [call, what to take back, what to add, outline, caller that it waited for, line of its account or 0]; each
-- of the two is [line, picodollars, field, quantity, …] or empty. The outline of a call that waits for its tokens;
-- empty: it does not.
local done = {}
for number, entry in ipairs(entries) do
    local call, old, new, outline = entry[1], entry[2], entry[3], entry[4]
    local from, to = ARGV[8 + 2 * number], ARGV[9 + 2 * number]
    if redis.call('HGET', KEYS[2], call) ~= from then
        done[number] = '0'
    elseif new[1] and not has_room(lines[new[1]]) then
        done[number] = '2'
    else
        if to == 'F' then
            redis.call('HDEL', KEYS[2], call)
        else
            if entry[6] > 0 then tell(lines[entry[6]]) end
            redis.call('HSET', KEYS[2], call, to)
        end
        if old[1] then add(lines[old[1]], old[2], old, 3, -1) end
        if new[1] then add(lines[new[1]], new[2], new, 3, 1) end
        leave(call, from, entry[5])
        if outline ~= '' then wait(call, outline, lines[new[1]][4]) end
        done[number] = '1'
    end
end
write()
return {epoch, turn, table.concat(done)}
