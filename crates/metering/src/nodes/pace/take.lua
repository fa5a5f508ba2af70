-- Takes from cells of the generic cell rate algorithm, in the order given. KEYS: the cells. ARGV, for each: the
-- microseconds in which one comes back, how many may come at once, and how many are wanted (at least one, or none are
-- taken); a negative number gives back. From the first cell that has none on, no more are asked.
-- A cell is the microsecond at which its bucket would be full again; no cell is a full one.
-- Answers for each: how many were taken, how many are left, and in how many microseconds it will be full again.
local time = redis.call('TIME')
-- Since September 2020, so that fractions of a microsecond survive in a double.
local now = (time[1] - 1600000000) * 1000000 + time[2]
local answers, refused = {}, false
for at, key in ipairs(KEYS) do
    local interval, burst, wanted = tonumber(ARGV[3 * at - 2]), tonumber(ARGV[3 * at - 1]), tonumber(ARGV[3 * at])
    local full_at = tonumber(redis.call('GET', key) or '0')
    -- A state from before the rate was lowered must not lock its holder out for long.
    local wait = math.max(0, math.min(full_at - now, interval * burst))
    -- What is a thousandth short of a whole one was lost to rounding.
    local free = math.floor(burst - wait / interval + 0.001)
    local taken = math.min(wanted, free)
    if refused and wanted > 0 then taken = 0 end
    if taken ~= 0 then
        wait = math.max(0, wait + taken * interval)
        if wait > 0 then
            redis.call('SET', key, string.format('%.3f', now + wait), 'PX', math.ceil(wait / 1000) + 1)
        else
            redis.call('DEL', key)
        end
    end
    refused = refused or (wanted > 0 and taken == 0)
    answers[at] = { taken, math.max(0, free - taken), math.ceil(wait) }
end
return answers
