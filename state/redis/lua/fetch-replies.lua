#!lua flags=allow-oom
-- What was answered to callers who still wait, in case the publication was missed.
--
-- KEYS  replies
-- Returns the message of each, or nil
-- Atomic only to be one round trip.

local messages = {}
for i = 1, #KEYS do
  messages[i] = redis.call('HGET', KEYS[i], 'msg')
end
return messages
