#!lua flags=allow-oom
-- One of the runs of an event is over; the last one answers a caller who still waits. See `RunnerState.settle`.
--
-- KEYS  1 the hash that the reply shares with others  2 its own
-- ARGV  1 reply id  2 namespace  3 run id  4 "1" when it failed  5 how many runs the event has
--       6 message when none failed  7 message when one failed  8 prefix of the keys of answers  9 answersTtlMs
-- Returns nothing
-- Atomic, so that exactly one of the runs is the last.

-- include publish
-- include answer
-- include remember
-- include replies

local open = redis.call('HGET', KEYS[1], ARGV[1])
local own = redis.call('HMGET', KEYS[2], 'ns', 'ch', 'over', 'failed', 'once')
local namespace, channel = own[1], not own[3] and own[2]
if open then
  namespace, channel = whoWaits(open)
end
local failed, once = own[4] or ARGV[4] == '1', own[5]
if namespace ~= ARGV[2] or not (channel or once) then
  return
end

-- How many runs have ended, this one included. A single one need not be counted.
local function settledOf(total)
  if total < 2 then
    return total
  end
  if failed and not own[4] then
    redis.call('HSET', KEYS[2], 'failed', '1')
  end
  local isNew = redis.call('HSETNX', KEYS[2], 'run:' .. ARGV[3], '')
  local settled = redis.call('HINCRBY', KEYS[2], 'settled', isNew)
  if open then
    -- Longer than a caller waits.
    redis.call('PEXPIRE', KEYS[2], ARGV[9])
  end
  return settled
end

local total = tonumber(ARGV[5])
if settledOf(total) < total then
  return
end
local message = failed and ARGV[7] or ARGV[6]
remember(once, message, failed)
if channel then
  if open then
    redis.call('HSET', KEYS[1], ARGV[1], namespace)
  else
    redis.call('HSET', KEYS[2], 'over', '1')
  end
  say(channel, ARGV[1], message)
  deliver(ARGV[8], ARGV[9])
end
