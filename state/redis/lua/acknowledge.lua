-- Forgets events that are done. An event that another consumer has taken over stays with it.
--
-- KEYS  1 events, then the runs of the first event, of the second, and so on
-- ARGV  1 group  2 consumer  3 endedTtlMs, then of each event: its entry, how many of the runs are its own
-- Returns nothing
-- Atomic, so that an event can't be taken over between the look at its owner and its removal.

local function forget(run)
  if redis.call('HGET', run, 'stage') == 'ended' then
    redis.call('PEXPIRE', run, ARGV[3])
  elseif redis.call('EXISTS', run) == 1 then
    redis.call('HSET', run, 'forgotten', '1')
  end
end

local mine, key = {}, 1
for i = 4, #ARGV, 2 do
  local entry, runs = ARGV[i], tonumber(ARGV[i + 1])
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], entry, entry, 1, ARGV[2])
  if not pending.err and #pending > 0 then
    mine[#mine + 1] = entry
    for run = key + 1, key + runs do
      forget(KEYS[run])
    end
  end
  key = key + runs
end
if #mine > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(mine))
  redis.call('XDEL', KEYS[1], unpack(mine))
end
