#!lua flags=allow-oom
-- The run is over: its checkpoint goes, that it ended is remembered. See `RunnerState.end`.
--
-- KEYS  1 run  2 parked
-- ARGV  1 epoch  2 run id  3 runTtlMs  4 endedTtlMs
-- Returns 1 ended, 0 fenced
-- Atomic, so that a runner that lost the run can't end it under its successor.

local run = redis.call('HMGET', KEYS[1], 'epoch', 'forgotten')
if tonumber(run[1] or 0) > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'stage', 'ended')
redis.call('HDEL', KEYS[1], 'checkpoint', 'consumer')
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[1], run[2] and ARGV[4] or ARGV[3])
return 1
