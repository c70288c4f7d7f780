#!lua flags=allow-oom
-- Sends messages to WebSockets. See `RunnerState.send`.
--
-- KEYS  1 connections, then of each message: connection, outbox
-- ARGV  1 how many messages an outbox holds  2 how many bytes; the last one may go over it  3 outboxTtlMs
--       then of each message: id of the connection, namespace, the message
-- Returns of each: 1 sent, 0 gone
-- Atomic, so that the messages of a connection have one order, in which they are stored until the pod has them, should a publication be missed.
-- What is published of each is its number among those of the connection, and the message.
-- include publish

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most, mostBytes = tonumber(ARGV[1]), tonumber(ARGV[2])
local outcomes = {}
for i = 1, (#ARGV - 3) / 3 do
  local id, namespace, message = ARGV[3 * i + 1], ARGV[3 * i + 2], ARGV[3 * i + 3]
  local connection, outbox = KEYS[2 * i], KEYS[2 * i + 1]
  local known = redis.call('HMGET', connection, 'ns', 'ch', 'bytes')
  local lapsesAt = tonumber(redis.call('ZSCORE', KEYS[1], id) or 0)
  local stored, bytes = redis.call('LLEN', outbox), tonumber(known[3] or 0)
  if stored == 0 and bytes > 0 then
    -- It has expired with what was in it.
    redis.call('HSET', connection, 'bytes', 0)
    bytes = 0
  end
  local full = stored >= most or bytes >= mostBytes
  if known[1] ~= namespace or lapsesAt <= now or full then
    outcomes[i] = 0
  else
    outcomes[i] = 1
    redis.call('RPUSH', outbox, message)
    redis.call('PEXPIRE', outbox, ARGV[3])
    redis.call('HINCRBY', connection, 'bytes', #message)
    say(known[2], id, redis.call('HINCRBY', connection, 'sent', 1) .. ' ' .. message)
  end
end
publish()
return outcomes
