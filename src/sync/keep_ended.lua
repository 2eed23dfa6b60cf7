-- Keeps what has ended (sessions, or users, each under a key of its own) until no token of theirs can live, and publishes it,
-- in one step: who subscribes first and reads then misses none.
-- KEYS[1]: the ids, by the millisecond from which they may be forgotten. ARGV[1]: the channel.
-- ARGV[2]: the message to publish. ARGV[3], ARGV[4] and so on: an id and its millisecond, again and again.
local time = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
for i = 3, #ARGV, 2 do
    redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i])
end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], last[2])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 0
