-- Counts one attempt in a bucket, by the same formula as limiter.rs and by the clock of Redis, which all share.
-- KEYS[1]: the bucket. ARGV[1]: the share of one attempt in the window, negative to take one back. ARGV[2]: the window.
-- All in microseconds.
-- Answers 0 if the attempt passes, and else after how long the next one has a chance.
local share, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local empty_at = tonumber(redis.call('GET', KEYS[1]) or now)
-- No bucket is fuller than full, even if the clock has been set back.
empty_at = math.min(math.max(empty_at, now), now + window) + share
local wait = empty_at - now - window
if wait > 0 then
    return wait
end
if empty_at <= now then
    redis.call('DEL', KEYS[1])
    return 0
end
redis.call('SET', KEYS[1], string.format('%.0f', empty_at), 'PX', math.ceil((empty_at - now) / 1000))
return 0
