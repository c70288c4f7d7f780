#!lua flags=allow-oom
-- Forgets events that are done. An event that was delivered again since stays where it is.
--
-- KEYS  1 events  2 idle  3 backlog  4 attempts, then of each event its runs and, when it is of a connection, that one's line
-- ARGV  1 group  2 consumer  3 endedTtlMs  4 partition
--       then of each event: its entry, which delivery of it, what it weighs in the backlog, how many of the runs are its own, the id of its connection or ""
-- Returns nothing
-- Atomic, so that an event can't be taken over between the look at its owner and its removal, and the next
-- event of a connection is there when the one before is not any more.
-- include backlog
-- include wake
-- include line

local function forget(run)
  if redis.call('HGET', run, 'stage') == 'ended' then
    redis.call('PEXPIRE', run, ARGV[3])
  elseif redis.call('EXISTS', run) == 1 then
    redis.call('HSET', run, 'forgotten', '1')
  end
end

local entries = {}
for i = 5, #ARGV, 5 do
  entries[#entries + 1] = ARGV[i]
end
local again = redis.call('HMGET', KEYS[4], unpack(entries))

-- Whether the consumer still has that delivery. What was never delivered again is known without a look.
local function isOwn(nth, deliveries)
  if not again[nth] and deliveries == 1 then
    return true
  end
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], entries[nth], entries[nth], 1, ARGV[2])
  return not pending.err and #pending > 0 and pending[1][4] == deliveries
end

local own, weights, done, key = {}, {}, {}, 4
for nth, entry in ipairs(entries) do
  local i = 5 * nth
  local deliveries, runs, connection = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 3]), ARGV[i + 4]
  local line = connection ~= '' and KEYS[key + runs + 1]
  if isOwn(nth, deliveries) then
    own[#own + 1] = entry
    weights[#own] = tonumber(ARGV[i + 2])
    if again[nth] then
      redis.call('HDEL', KEYS[4], entry)
    end
    for run = key + 1, key + runs do
      forget(KEYS[run])
    end
    if line then
      done[#done + 1] = { line = line, connection = connection, entry = entry }
    end
  end
  key = key + runs + (line and 1 or 0)
end

-- How much is removed. What was acknowledged before or put aside is not counted again.
local function remove()
  local weight, isAll = 0, redis.call('XACK', KEYS[1], ARGV[1], unpack(own)) == #own
  if isAll then
    redis.call('XDEL', KEYS[1], unpack(own))
  end
  for nth, one in ipairs(weights) do
    if isAll or redis.call('XDEL', KEYS[1], own[nth]) == 1 then
      weight = weight + one
    end
  end
  return weight
end

local removed = #own > 0 and remove() or 0
if removed > 0 then
  lighten(KEYS[3], removed)
end
for _, one in ipairs(done) do
  if advanceLine(KEYS[1], one.line, one.connection, one.entry) then
    wake(KEYS[2], ARGV[4])
  end
end
