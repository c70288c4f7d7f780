-- Forgets events that are done. An event that another consumer has taken over stays with it.
--
-- KEYS  1 events, then the runs of these events
-- ARGV  1 group  2 consumer  3 endedTtlMs, then the entries
-- Returns nothing
-- Atomic, so that an event can't be taken over between the look at its owner and its removal.

local mine = {}
for i = 4, #ARGV do
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if not pending.err and #pending > 0 then
    mine[#mine + 1] = ARGV[i]
  end
end
if #mine == 0 then
  return
end
redis.call('XACK', KEYS[1], ARGV[1], unpack(mine))
redis.call('XDEL', KEYS[1], unpack(mine))
for i = 2, #KEYS do
  if redis.call('HGET', KEYS[i], 'stage') == 'ended' then
    redis.call('PEXPIRE', KEYS[i], ARGV[3])
  elseif redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('HSET', KEYS[i], 'forgotten', '1')
  end
end
