#!lua flags=allow-oom
-- Gives places back.
--
-- KEYS  leases
-- ARGV  of each: how many places, and the holders' ids
-- Returns nothing
-- Atomic only to be one round trip.

local at = 1
for i = 1, #KEYS do
  local count = tonumber(ARGV[at])
  redis.call('ZREM', KEYS[i], unpack(ARGV, at + 1, at + count))
  at = at + count + 1
end
