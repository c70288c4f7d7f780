#!lua
-- Calls at the door, WebSockets or messages of them: throttle, lease, append, of one after the other. See `IngressState.admit`, `connect` and `receive`.
--
-- A script holds sections: each is of one partition, with what that one has to itself and its calls. On a Cluster there is one, whose keys lie in one slot.
--
-- KEYS  of each section: events, parked, idle, backlog, then of each call in this order those of what is asked for:
--       connections, connection, line; window; once; lease; reply
-- ARGV  1 for how much an event counts at least in the backlog  2 how much may be there  3 how many runs may be parked
--       4 leaseTtlMs  5 channel of the pod  6 how many events of a connection may wait
--       then of each section its partition and the number of its calls, and of each call the number of its arguments, and these in the order in which
--       `admit` names them; "" or absent where something is not asked for
-- Returns of each call: 0 accepted; > 0 throttled, and the milliseconds until there is room; -1 crowded; -2 backlogged; -3 there is no such connection;
--         -4 the key was used for something else; {id of the event that was taken before, its answer}; an error, when it is not known whether it was stored
-- Atomic, so that calls at several pods can't pass together where one has room, and an event is stored with its lease and reply or not at all.
-- The only act that a full Redis refuses: all others end work or free memory.
-- include backlog
-- include wake
-- include line
-- include replies

local leastWeight, backlogBytes, parkedCap = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local leaseTtlMs, channel, lineCap = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Numbers are written as text once: that takes Lua longer than many a command.
local nowText, lapsesAtText = string.format('%.0f', now), string.format('%.0f', now + leaseTtlMs)

local last = 0
local function nextKey()
  last = last + 1
  return KEYS[last]
end

local function asked(argument)
  return argument and argument ~= ''
end

-- What several calls of a section do to one key is done at once in its end, and known here until then: nobody sees the keys in between.
local events, parked, idle, backlog

-- Of each window how many calls have passed, of how many, and for how long.
local windows
-- Whether there is room; if not, the milliseconds until there is.
local function passes(window, requests, windowMs)
  local one = windows[window] or { passed = 0 }
  -- The newest is first, so that the N-th newest alone tells whether a call passes.
  local nth = requests - 1 - one.passed
  local oldest = nth < 0 and now or tonumber(redis.call('LINDEX', window, nth))
  -- A time further ahead than a whole window can only come from a clock that was set back; it must not block calls.
  if oldest and oldest > now - windowMs and oldest <= now + windowMs then
    return false, oldest + windowMs - now
  end
  windows[window] = { passed = one.passed + 1, requests = requests, windowMs = windowMs }
  return true
end
local function writeWindow(window, one)
  local times = {}
  for i = 1, one.passed do
    times[i] = nowText
  end
  if redis.call('LPUSH', window, unpack(times)) > one.requests then
    redis.call('LTRIM', window, 0, one.requests - 1)
  end
  redis.call('PEXPIRE', window, one.windowMs)
end

-- Of each lease how many places are taken at most, and those that were here: what ZADD is told.
local leases
local function writeLease(lease, one)
  if #one.taken > 0 then
    redis.call('ZADD', lease, unpack(one.taken))
    redis.call('PEXPIRE', lease, leaseTtlMs)
    one.taken = {}
  end
end
local function hasRoom(lease, id, limit)
  local one = leases[lease]
  if not one then
    one = { count = redis.call('ZCARD', lease), taken = {} }
    leases[lease] = one
  end
  if one.count < limit then
    return true
  end
  -- Places that lapsed are in nobody's way until there are none left.
  writeLease(lease, one)
  redis.call('ZREMRANGEBYSCORE', lease, '-inf', nowText)
  one.count = redis.call('ZCARD', lease)
  return one.count < limit or redis.call('ZSCORE', lease, id)
end
local function takePlace(lease, id)
  local one = leases[lease]
  one.count = one.count + 1
  one.taken[#one.taken + 1] = lapsesAtText
  one.taken[#one.taken + 1] = id
end

-- What is opened in each hash that replies share, see replies.lua: what HSET is told, and for how long.
local opened
local function openReply(replies, id, namespace, ttlMs)
  local one = opened[replies] or { fields = {}, ttlMs = 0 }
  opened[replies] = one
  one.fields[#one.fields + 1] = id
  one.fields[#one.fields + 1] = waiting(namespace, channel)
  one.ttlMs = math.max(one.ttlMs, ttlMs)
end
local function writeReplies(replies, one)
  redis.call('HSET', replies, unpack(one.fields))
  -- Others in it may be open for longer.
  if redis.call('PTTL', replies) < one.ttlMs then
    redis.call('PEXPIRE', replies, one.ttlMs)
  end
end

-- How many bytes the backlog has, and how many of them it is not told of yet.
local bytes, untold
local function fitsInBacklog(weight)
  if not bytes then
    bytes = redis.call('HINCRBY', backlog, 'bytes', weight)
    untold = -weight
  else
    bytes = bytes + weight
  end
  if bytes <= backlogBytes then
    untold = untold + weight
    return true
  end
  bytes = bytes - weight
  -- What processes of another version have left is forgotten when nothing is there. No line is without an event in the stream.
  if redis.call('XLEN', events) == 0 then
    redis.call('DEL', backlog)
    bytes, untold = nil, 0
  end
  return false
end

local isParkedFull
local function mayPark()
  if isParkedFull == nil then
    isParkedFull = redis.call('ZCARD', parked) >= parkedCap
  end
  return not isParkedFull
end

local function admit(
  -- The event, asked for by its head.
  head, body,
  -- The throttle.
  requests, windowMs,
  -- The place of a lease.
  leaseId, leaseLimit,
  -- The open reply, and whose Workflows may send it, or messages of the connection.
  replyTtlMs, namespace, replyId,
  -- What is taken only once.
  onceTtlMs, eventId, fingerprint, retryFailed,
  -- The connection, and what one that is opened has: without it, it must be there.
  connection, connectionTtlMs, placesKey)
  -- Those of a call that is refused are passed over, too.
  local connections, connectionKey, line
  if asked(connection) then
    connections, connectionKey, line = nextKey(), nextKey(), nextKey()
  end
  local window = asked(requests) and nextKey()
  local once = asked(onceTtlMs) and nextKey()
  local lease = asked(leaseId) and nextKey()
  local reply = asked(replyTtlMs) and nextKey()

  if connections and not asked(connectionTtlMs) and not redis.call('ZSCORE', connections, connection) then
    return -3
  end

  if window then
    local isRoom, waitMs = passes(window, tonumber(requests), tonumber(windowMs))
    if not isRoom then
      return waitMs
    end
  end

  if once then
    local taken = redis.call('HMGET', once, 'event', 'fingerprint', 'msg')
    if taken[1] then
      return taken[2] == fingerprint and { taken[1], taken[3] } or -4
    end
  end

  if lease and not hasRoom(lease, leaseId, tonumber(leaseLimit)) then
    return -1
  end

  if asked(head) then
    -- Two elements for each event that waits.
    if line and redis.call('LLEN', line) >= 2 * lineCap then
      return -2
    end
    if not mayPark() or not fitsInBacklog(weightOf(head, body, leastWeight)) then
      return -2
    end
  end

  if lease then
    takePlace(lease, leaseId)
  end

  if line and asked(connectionTtlMs) then
    redis.call('HSET', connectionKey, 'ns', namespace, 'ch', channel, 'places', placesKey, 'head', head)
    redis.call('PEXPIRE', connectionKey, connectionTtlMs)
    redis.call('ZADD', connections, lapsesAtText, connection)
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
  if reply and once then
    redis.call('HSET', reply, 'ns', namespace, 'ch', channel, 'once', once)
    redis.call('PEXPIRE', reply, replyTtlMs)
  elseif reply then
    openReply(reply, replyId, namespace, tonumber(replyTtlMs))
  end
  if once then
    redis.call('HSET', once, 'event', eventId, 'fingerprint', fingerprint)
    if asked(retryFailed) then
      redis.call('HSET', once, 'retry', '1')
    end
    redis.call('PEXPIRE', once, onceTtlMs)
  end
  return 0, true
end

-- How many events were appended.
local appended
local function begin()
  events, parked, idle, backlog = nextKey(), nextKey(), nextKey(), nextKey()
  windows, leases, opened = {}, {}, {}
  bytes, untold, isParkedFull, appended = nil, 0, nil, 0
end

local function finish(partition)
  for window, one in pairs(windows) do
    writeWindow(window, one)
  end
  for lease, one in pairs(leases) do
    writeLease(lease, one)
  end
  for replies, one in pairs(opened) do
    writeReplies(replies, one)
  end
  if untold > 0 then
    redis.call('HINCRBY', backlog, 'bytes', untold)
  elseif untold < 0 then
    lighten(backlog, -untold)
  end
  -- A runner for each event, as long as there are idle ones.
  while appended > 0 and wake(idle, partition) do
    appended = appended - 1
  end
end

-- What goes wrong at a key is told to the calls that need it, and to no others.
local function errorOf(failure)
  return type(failure) == 'table' and failure or redis.error_reply(tostring(failure))
end

local verdicts, at, length = {}, 7, #ARGV
while at <= length do
  local partition, first, calls = ARGV[at], #verdicts, tonumber(ARGV[at + 1])
  at = at + 2
  begin()
  for i = 1, calls do
    local count = tonumber(ARGV[at])
    local isDone, verdict, isAppended = pcall(admit, unpack(ARGV, at + 1, at + count))
    verdicts[first + i] = isDone and verdict or errorOf(verdict)
    appended = appended + (isAppended and 1 or 0)
    at = at + count + 1
  end
  local isDone, failure = pcall(finish, partition)
  for i = 1, isDone and 0 or calls do
    verdicts[first + i] = errorOf(failure)
  end
end
return verdicts
