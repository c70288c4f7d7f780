#!lua flags=no-writes
-- What was answered to callers who still wait, in case the publication was missed.
--
-- KEYS  1 the pod's answers
-- ARGV  ids of the replies
-- Returns the message of each, or nil
-- One command; a script like all that is asked of Redis.

return redis.call('HMGET', KEYS[1], unpack(ARGV))
