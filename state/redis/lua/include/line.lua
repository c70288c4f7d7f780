-- The line of a connection: at its front the id that the event in work has in the stream, behind it head and body of each event that waits. There is
-- none while no event of the connection is there.

-- Appends an event of the connection. True: it is in the stream.
local function appendInLine(events, line, connection, head, body)
  if redis.call('EXISTS', line) == 1 then
    redis.call('RPUSH', line, head, body)
    return false
  end
  redis.call('RPUSH', line, redis.call('XADD', events, '*', 'h', head, 'b', body, 'c', connection))
  return true
end

-- The event in work is done: the next one goes into the stream. True: there was one.
local function advanceLine(events, line, connection, entry)
  if redis.call('LINDEX', line, 0) ~= entry then
    return false
  end
  redis.call('LPOP', line)
  local head = redis.call('LPOP', line)
  if not head then
    return false
  end
  local body = redis.call('LPOP', line)
  redis.call('LPUSH', line, redis.call('XADD', events, '*', 'h', head, 'b', body, 'c', connection))
  return true
end
