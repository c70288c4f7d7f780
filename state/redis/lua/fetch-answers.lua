#!lua flags=allow-oom
-- Forgets answers that have reached the pod; that its callers were answered is still known. Gives others, in case their publication was missed.
--
-- KEYS  1 the pod's answers
-- ARGV  1 how many are given at most, then the ids by which those are kept that have come
-- Returns publications
-- Atomic only to be one round trip.

if #ARGV > 1 then
  redis.call('HDEL', KEYS[1], unpack(ARGV, 2))
end
local most = tonumber(ARGV[1])
local others = most > 0 and redis.call('HKEYS', KEYS[1]) or {}
for i = #others, most + 1, -1 do
  others[i] = nil
end
return #others > 0 and redis.call('HMGET', KEYS[1], unpack(others)) or {}
