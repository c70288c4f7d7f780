-- Stores a checkpoint, and parks the run when asked to. See `RunnerState.save` and `park`.
--
-- KEYS  1 run  2 parked
-- ARGV  1 epoch  2 checkpoint  3 runTtlMs  4 run id  5 delayMs, or absent when the run goes on
-- Returns 1 stored, 0 fenced
-- Atomic, so that a runner that lost the run can't overwrite what its successor stored.

local run = redis.call('HMGET', KEYS[1], 'epoch', 'stage')
if tonumber(run[1] or 0) > tonumber(ARGV[1]) or run[2] == 'ended' then
  return 0
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'checkpoint', ARGV[2])
if ARGV[5] then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HDEL', KEYS[1], 'consumer')
  redis.call('ZADD', KEYS[2], now + ARGV[5], ARGV[4])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3] + (ARGV[5] or 0))
return 1
