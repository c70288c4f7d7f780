-- There is work in this partition that the caller can't take: wakes another idle runner.
--
-- KEYS  1 idle
-- ARGV  1 partition
-- Returns nothing
-- Atomic, so that each idle runner is woken once.

local runner = redis.call('SPOP', KEYS[1])
while runner and redis.call('PUBLISH', runner, ARGV[1]) == 0 do
  runner = redis.call('SPOP', KEYS[1])
end
