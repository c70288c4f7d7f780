#!lua flags=allow-oom
-- The callers of these replies no longer wait: later replies are late, and a stored message is not needed any more.
--
-- KEYS  replies
-- Returns nothing
-- Atomic, so that a reply is either delivered or late, and one that expired meanwhile is not made anew.

for i = 1, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('HSET', KEYS[i], 'over', '1')
    redis.call('HDEL', KEYS[i], 'msg')
  end
end
