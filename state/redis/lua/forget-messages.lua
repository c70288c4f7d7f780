#!lua flags=allow-oom
-- These answers have reached the pod that waited; that the callers were answered is still known.
--
-- KEYS  1 the pod's answers
-- ARGV  ids of the replies
-- Returns nothing
-- One command; a script like all that is asked of Redis.

redis.call('HDEL', KEYS[1], unpack(ARGV))
