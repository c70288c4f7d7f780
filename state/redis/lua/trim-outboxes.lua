#!lua flags=allow-oom
-- Messages to these WebSockets have reached their pod, and need not be kept.
--
-- KEYS  of each: connection, outbox
-- ARGV  of each: the number of the last message that has
-- Returns nothing
-- Atomic, so that a message that is sent meanwhile is not taken for one that has.

for i = 1, #ARGV do
  local connection, outbox = KEYS[2 * i - 1], KEYS[2 * i]
  local sent = redis.call('HGET', connection, 'sent')
  if sent then
    local done = ARGV[i] - (sent - redis.call('LLEN', outbox))
    for _ = 1, done do
      local message = redis.call('LPOP', outbox)
      if message then
        redis.call('HINCRBY', connection, 'bytes', -#message)
      end
    end
  end
end
