#!lua flags=allow-oom
-- Stores a checkpoint, and parks the run when asked to. See `RunnerState.save` and `park`.
--
-- KEYS  1 run  2 parked  3 attempts, when an entry is given
-- ARGV  1 epoch  2 checkpoint  3 runTtlMs  4 run id  5 delayMs, or "" when the run goes on
--       6 by which Webhook it began, or ""  7 entry of its event, when that was delivered before
-- Returns 1 stored, 0 fenced
-- Atomic, so that a runner that lost the run can't overwrite what its successor stored.

local run = redis.call('HMGET', KEYS[1], 'epoch', 'stage', 'attempts')
if tonumber(run[1] or 0) > tonumber(ARGV[1]) or run[2] == 'ended' then
  return 0
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'checkpoint', ARGV[2])
if run[3] then
  redis.call('HDEL', KEYS[1], 'attempts')
end
if ARGV[7] and redis.call('HEXISTS', KEYS[3], ARGV[7]) == 1 then
  redis.call('HSET', KEYS[3], ARGV[7], '0')
end
local delayMs = tonumber(ARGV[5])
if delayMs then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HDEL', KEYS[1], 'consumer')
  if ARGV[6] ~= '' then
    redis.call('HSET', KEYS[1], 'flow', ARGV[6])
  end
  redis.call('ZADD', KEYS[2], now + delayMs, ARGV[4])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3] + (delayMs or 0))
return 1
