#!lua flags=allow-oom
-- The messages of these replies have reached the pods that waited; that they were answered is still known.
--
-- KEYS  replies
-- Returns nothing
-- Atomic only to be one round trip.

for i = 1, #KEYS do
  redis.call('HDEL', KEYS[i], 'msg')
end
