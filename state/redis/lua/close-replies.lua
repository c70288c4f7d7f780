#!lua flags=allow-oom
-- The callers of these replies no longer wait: later replies are late.
--
-- KEYS  of each reply: the hash that it shares with others, its own
-- ARGV  ids of the replies
-- Returns nothing
-- Atomic, so that a reply is either delivered or late, and one that expired meanwhile is not made anew.
-- include replies

for i, id in ipairs(ARGV) do
  local shared, own = KEYS[2 * i - 1], KEYS[2 * i]
  local open = redis.call('HGET', shared, id)
  if open then
    redis.call('HSET', shared, id, (whoWaits(open)))
  elseif redis.call('EXISTS', own) == 1 then
    redis.call('HSET', own, 'over', '1')
  end
end
