#!lua flags=allow-oom
-- Takes over a run whose event came again. See `RunnerState.takeOver`.
--
-- KEYS  1 run  2 parked
-- ARGV  1 epoch  2 runTtlMs  3 run id
-- Returns {"new"}, {"ended"}, {"parked"}, {"fenced"} or {"checkpoint", checkpoint}
-- Atomic, so that once the checkpoint is read the one who wrote it can't write another.

local run = redis.call('HMGET', KEYS[1], 'epoch', 'stage', 'checkpoint')
if run[2] == 'ended' then
  return { 'ended' }
end
if redis.call('ZSCORE', KEYS[2], ARGV[3]) then
  return { 'parked' }
end
if tonumber(run[1] or 0) > tonumber(ARGV[1]) then
  return { 'fenced' }
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if run[3] then
  return { 'checkpoint', run[3] }
end
return { 'new' }
