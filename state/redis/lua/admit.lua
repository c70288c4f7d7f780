#!lua
-- One call at the door, or a WebSocket or a message of one: throttle, lease, append. See `IngressState.admit`, `connect` and `receive`.
--
-- KEYS  1 events  2 parked  3 idle  4 backlog, then in this order those of what is asked for:
--       connections, connection, line; window; once; lease; reply
-- ARGV  in the order in which they are named below; "" or absent where something is not asked for
-- Returns 0 accepted; > 0 throttled, and the milliseconds until there is room; -1 crowded; -2 backlogged; -3 there is no such connection;
--         -4 the key was used for something else; {id of the event that was taken before, its answer}
-- Atomic, so that calls at several pods can't pass together where one has room, and an event is stored with its lease and reply or not at all.
-- The only act that a full Redis refuses: all others end work or free memory.
-- include backlog
-- include wake
-- include line

local
  -- The event, asked for by its head, for how much it counts at least, and how much may be there.
  head, body, leastWeight, backlogBytes, parkedCap, partition,
  -- The throttle.
  requests, windowMs,
  -- The place of a lease.
  leaseId, leaseLimit, leaseTtlMs,
  -- The open reply, and where messages of it or of the connection go and whose Workflows may send them.
  replyTtlMs, channel, namespace,
  -- What is taken only once.
  onceTtlMs, eventId, fingerprint, retryFailed,
  -- The connection, and what one that is opened has: without it, it must be there.
  connection, lineCap, connectionTtlMs, placesKey = unpack(ARGV)

local function asked(argument)
  return argument and argument ~= ''
end

local last = 4
local function nextKey()
  last = last + 1
  return KEYS[last]
end

local events, parked, idle, backlog = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local connections, connectionKey, line
if asked(connection) then
  connections, connectionKey, line = nextKey(), nextKey(), nextKey()
  if not asked(connectionTtlMs) and not redis.call('ZSCORE', connections, connection) then
    return -3
  end
end

if asked(requests) then
  local window = nextKey()
  requests, windowMs = tonumber(requests), tonumber(windowMs)
  -- The newest is first, so that the N-th newest alone tells whether a call passes.
  local oldest = tonumber(redis.call('LINDEX', window, requests - 1))
  -- A time further ahead than a whole window can only come from a clock that was set back; it must not block calls.
  if oldest and oldest > now - windowMs and oldest <= now + windowMs then
    return oldest + windowMs - now
  end
  if redis.call('LPUSH', window, now) > requests then
    redis.call('LTRIM', window, 0, requests - 1)
  end
  redis.call('PEXPIRE', window, windowMs)
end

local once
if asked(onceTtlMs) then
  once = nextKey()
  local taken = redis.call('HMGET', once, 'event', 'fingerprint', 'msg')
  if taken[1] then
    return taken[2] == fingerprint and { taken[1], taken[3] } or -4
  end
end

local lease
if asked(leaseId) then
  lease = nextKey()
  leaseLimit = tonumber(leaseLimit)
  -- Places that lapsed are in nobody's way until there are none left.
  if redis.call('ZCARD', lease) >= leaseLimit then
    redis.call('ZREMRANGEBYSCORE', lease, '-inf', now)
    if redis.call('ZCARD', lease) >= leaseLimit and not redis.call('ZSCORE', lease, leaseId) then
      return -1
    end
  end
end

if asked(head) then
  -- Two elements for each event that waits.
  if line and redis.call('LLEN', line) >= 2 * lineCap then
    return -2
  end
  if redis.call('ZCARD', parked) >= tonumber(parkedCap) then
    return -2
  end
  local weight = weightOf(head, body, leastWeight)
  if redis.call('HINCRBY', backlog, 'bytes', weight) > tonumber(backlogBytes) then
    lighten(backlog, weight)
    -- What processes of another version have left is forgotten when nothing is there. No line is without an event in the stream.
    if redis.call('XLEN', events) == 0 then
      redis.call('DEL', backlog)
    end
    return -2
  end
end

if lease then
  redis.call('ZADD', lease, now + leaseTtlMs, leaseId)
  redis.call('PEXPIRE', lease, leaseTtlMs)
end

if line and asked(connectionTtlMs) then
  redis.call('HSET', connectionKey, 'ns', namespace, 'ch', channel, 'places', placesKey, 'head', head)
  redis.call('PEXPIRE', connectionKey, connectionTtlMs)
  redis.call('ZADD', connections, now + leaseTtlMs, connection)
end

if not asked(head) then
  return 0
end

if not line then
  redis.call('XADD', events, '*', 'h', head, 'b', body)
elseif not appendInLine(events, line, connection, head, body) then
  -- A runner is told when the event's turn has come.
  return 0
end
if asked(replyTtlMs) then
  local reply = nextKey()
  redis.call('HSET', reply, 'ns', namespace, 'ch', channel)
  if once then
    redis.call('HSET', reply, 'once', once)
  end
  redis.call('PEXPIRE', reply, replyTtlMs)
end
if once then
  redis.call('HSET', once, 'event', eventId, 'fingerprint', fingerprint)
  if asked(retryFailed) then
    redis.call('HSET', once, 'retry', '1')
  end
  redis.call('PEXPIRE', once, onceTtlMs)
end
wake(idle, partition)
return 0
