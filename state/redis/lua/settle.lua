#!lua flags=allow-oom
-- One of the runs of an event is over; the last one answers a caller who still waits. See `RunnerState.settle`.
--
-- KEYS  1 reply
-- ARGV  1 reply id  2 namespace  3 run id  4 "1" when it failed  5 how many runs the event has
--       6 message when none failed  7 message when one failed  8 prefix of the keys of answers  9 answersTtlMs
-- Returns nothing
-- Atomic, so that exactly one of the runs is the last.

-- include publish
-- include answer
-- include remember

local reply = redis.call('HMGET', KEYS[1], 'ns', 'ch', 'over', 'failed', 'once')
if reply[1] ~= ARGV[2] or (reply[3] and not reply[5]) then
  return
end
local failed = reply[4] or ARGV[4] == '1'
if failed and not reply[4] then
  redis.call('HSET', KEYS[1], 'failed', '1')
end
local total, settled = tonumber(ARGV[5]), 0
if total > 0 then
  local isNew = redis.call('HSETNX', KEYS[1], 'run:' .. ARGV[3], '')
  settled = redis.call('HINCRBY', KEYS[1], 'settled', isNew)
end
if settled < total then
  return
end
local message = failed and ARGV[7] or ARGV[6]
remember(reply[5], message, failed)
if not reply[3] then
  answer(KEYS[1], reply[2], ARGV[1], message)
  deliver(ARGV[8], ARGV[9])
end
