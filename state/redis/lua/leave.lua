#!lua flags=allow-oom
-- A consumer is gone, and has handed over what it held.
--
-- KEYS  1 events  2 idle
-- ARGV  1 group  2 consumer  3 its name among the idle ones
-- Returns nothing
-- Atomic, so that it has nothing when it is removed: that would be lost. What it may have is of reads whose answers it did not get.

redis.call('SREM', KEYS[2], ARGV[3])
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])
if not pending.err and #pending == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
