#!lua flags=allow-oom
-- Prolongs the WebSockets that a living pod holds, and their places.
--
-- KEYS  1 connections, then of each: connection, lease
-- ARGV  1 leaseTtlMs  2 connectionTtlMs, then the id of each
-- Returns of each how many messages were sent to it, or -1: its end is recorded, or Redis has lost it
-- Atomic, so that all are renewed at one time of Redis, and none whose end was recorded.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local sent = {}
for i = 3, #ARGV do
  local connection, lease = KEYS[2 * i - 4], KEYS[2 * i - 3]
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) and redis.call('PEXPIRE', connection, ARGV[2]) == 1 then
    redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i])
    redis.call('ZADD', lease, now + ARGV[1], ARGV[i])
    redis.call('PEXPIRE', lease, ARGV[1])
    sent[#sent + 1] = tonumber(redis.call('HGET', connection, 'sent') or 0)
  else
    sent[#sent + 1] = -1
  end
end
return sent
