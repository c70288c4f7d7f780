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

-- How often those that the consumer has were delivered, by entry.
local delivered = {}
local function look(from, to, count)
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], from, to, count, ARGV[2])
  if pending.err then
    return 0
  end
  for i = 1, #pending do
    delivered[pending[i][1]] = pending[i][4]
  end
  return #pending
end

-- The events of a batch lie close together: one look finds them, and few that are still in work.
local oldest, newest, most = math.huge, 0, 2 * (#ARGV - 4) / 5
for i = 5, #ARGV, 5 do
  local ms = tonumber(string.match(ARGV[i], '^%d+'))
  oldest, newest = math.min(oldest, ms), math.max(newest, ms)
end
local isAll = look(string.format('%.0f', oldest), string.format('%.0f', newest), most) < most

local mine, done, weight, key = {}, {}, 0, 4
for i = 5, #ARGV, 5 do
  local entry, deliveries, runs, connection = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 3]), ARGV[i + 4]
  if not isAll and not delivered[entry] then
    look(entry, entry, 1)
  end
  local line = connection ~= '' and KEYS[key + runs + 1]
  if delivered[entry] == deliveries then
    -- Should it be named twice.
    delivered[entry] = 0
    mine[#mine + 1] = entry
    weight = weight + ARGV[i + 2]
    if deliveries > 1 then
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
if #mine > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(mine))
  redis.call('XDEL', KEYS[1], unpack(mine))
  lighten(KEYS[3], weight)
end
for _, one in ipairs(done) do
  if advanceLine(KEYS[1], one.line, one.connection, one.entry) then
    wake(KEYS[2], ARGV[4])
  end
end
