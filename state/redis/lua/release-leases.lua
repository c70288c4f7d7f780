#!lua flags=allow-oom
-- Gives places back.
--
-- KEYS  the lease of each place
-- ARGV  the holder's id of each place
-- Returns nothing
-- Atomic only to be one round trip.

for i = 1, #KEYS do
  redis.call('ZREM', KEYS[i], ARGV[i])
end
