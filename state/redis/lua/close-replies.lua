#!lua flags=allow-oom
-- The callers of these replies no longer wait: later replies are late, and a stored answer is not needed any more.
--
-- KEYS  1 the pod's answers, then the replies
-- ARGV  ids of the replies
-- Returns nothing
-- Atomic, so that a reply is either delivered or late, and one that expired meanwhile is not made anew.

for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('HSET', KEYS[i], 'over', '1')
  end
end
redis.call('HDEL', KEYS[1], unpack(ARGV))
