#!lua flags=allow-oom
-- What was sent to a WebSocket and is not known to have reached its pod.
--
-- KEYS  1 connection  2 outbox
-- Returns {number of the last message, messages}
-- Atomic, so that the number belongs to the messages.

return { tonumber(redis.call('HGET', KEYS[1], 'sent') or 0), redis.call('LRANGE', KEYS[2], 0, -1) }
