#!lua flags=allow-oom
-- The end of a WebSocket: its place is free, its event is stored. See `IngressState.disconnect`.
--
-- KEYS  1 events  2 idle  3 connections  4 connection  5 outbox  6 line  7 backlog  8 lease
-- ARGV  1 id of the connection  2 head of the event  3 body  4 partition  5 "1": only when it has lapsed
--       6 for how much the event counts at least in the backlog
-- Returns 1 ended, 0 when it had ended before or has not lapsed
-- Atomic, so that of the pod that holds it and the runners that find it lapsed exactly one records its end.
-- include backlog
-- include wake
-- include line

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lapsesAt = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not lapsesAt or (ARGV[5] == '1' and tonumber(lapsesAt) > now) then
  return 0
end
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[8], ARGV[1])
redis.call('DEL', KEYS[4], KEYS[5])
redis.call('HINCRBY', KEYS[7], 'bytes', weightOf(ARGV[2], ARGV[3], ARGV[6]))
if appendInLine(KEYS[1], KEYS[6], ARGV[1], ARGV[2], ARGV[3]) then
  wake(KEYS[2], ARGV[4])
end
return 1
