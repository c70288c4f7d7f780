#!lua flags=allow-oom
-- Prolongs the places that a living pod holds. One that lapsed while the pod was stalled is taken again, even over the limit: it is in use.
--
-- KEYS  the lease of each place
-- ARGV  1 leaseTtlMs, then the holder's id of each place
-- Returns nothing
-- Atomic, so that all are renewed at one time of Redis.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], now + ARGV[1], ARGV[i + 1])
  redis.call('PEXPIRE', KEYS[i], ARGV[1])
end
