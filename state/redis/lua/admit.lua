#!lua
-- Calls at the door, WebSockets or messages of them: throttle, lease, append, of one after the other. See `IngressState.admit`, `connect` and `receive`.
--
-- A script holds sections: each is of one partition, with what that one has to itself and its calls. On a Cluster there is one, whose keys lie in one slot.
--
-- KEYS  of each section: events, parked, idle, backlog, then of each call in this order those of what is asked for:
--       connections, connection, line; window; once; lease; reply
-- ARGV  1 for how much an event counts at least in the backlog  2 how much may be there  3 how many runs may be parked
--       4 leaseTtlMs  5 channel of the pod  6 how many events of a connection may wait
--       then of each section its partition and the number of its calls, and of each call the number of its arguments, and these: those of `admit`, four if
--       there are more, and those of `termsOf`; "" or absent where something is not asked for. A call of four at most comes under the terms, and needs the
--       keys, of the one before it.
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

-- Of each window how many calls have passed, of how many, and for how long; and how many pass without a further look.
local windows
-- How long a call that was accepted then stands in the way of one now; nothing when it does not.
local function waitFor(accepted, windowMs)
  local at = tonumber(accepted)
  -- A time further ahead than a whole window can only come from a clock that was set back; it must not block calls.
  if at and at > now - windowMs and at <= now + windowMs then
    return at + windowMs - now
  end
end
-- Whether there is room; if not, the milliseconds until there is.
local function passes(window, requests, windowMs)
  local one = windows[window]
  if not one or one.requests ~= requests or one.windowMs ~= windowMs then
    one = { passed = one and one.passed or 0, requests = requests, windowMs = windowMs, sure = 0 }
    windows[window] = one
    -- The newest is first, so that the N-th newest alone tells whether a call passes, and one a little newer that several do.
    local ahead = math.min(requests, 16)
    if tonumber(redis.call('LINDEX', window, requests - ahead) or 0) <= now - windowMs then
      one.sure = ahead
    end
  end
  if one.passed >= one.sure then
    local nth = requests - 1 - one.passed
    local waitMs = waitFor(nth < 0 and now or redis.call('LINDEX', window, nth), windowMs)
    if waitMs then
      return false, waitMs
    end
  end
  one.passed = one.passed + 1
  return true
end
local function writeWindow(window, one)
  if one.passed == 0 then
    return
  end
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
  -- Others in it may be open for longer; to ask for how long would be one right more.
  if redis.call('PEXPIRE', replies, one.ttlMs, 'NX') == 0 then
    redis.call('PEXPIRE', replies, one.ttlMs, 'GT')
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

-- What a call comes under, apart from its event and ids: the keys that it needs, also when it will be refused, and what it is told of them.
local function termsOf(
  -- The throttle.
  requests, windowMs,
  -- The lease.
  leaseLimit,
  -- The open reply, and whose Workflows may send it, or messages of the connection.
  replyTtlMs, namespace,
  -- What is taken only once.
  onceTtlMs, eventId, fingerprint, retryFailed,
  -- The connection, and what one that is opened has: without it, it must be there.
  connection, connectionTtlMs, placesKey)
  local terms = { namespace = namespace }
  if asked(connection) then
    terms.connections, terms.connectionKey, terms.line = nextKey(), nextKey(), nextKey()
    terms.connection, terms.connectionTtlMs, terms.placesKey = connection, asked(connectionTtlMs) and connectionTtlMs, placesKey
  end
  if asked(requests) then
    terms.window, terms.requests, terms.windowMs = nextKey(), tonumber(requests), tonumber(windowMs)
  end
  if asked(onceTtlMs) then
    terms.once, terms.onceTtlMs = nextKey(), onceTtlMs
    terms.eventId, terms.fingerprint, terms.retryFailed = eventId, fingerprint, asked(retryFailed)
  end
  if asked(leaseLimit) then
    terms.lease, terms.leaseLimit = nextKey(), tonumber(leaseLimit)
  end
  if asked(replyTtlMs) then
    terms.reply, terms.replyTtlMs = nextKey(), tonumber(replyTtlMs)
  end
  return terms
end

-- An event is asked for by its head. The place of a lease and the reply have one id, unless that of the reply is told as well.
local function admit(terms, head, body, id, replyId)
  local once, lease, line = terms.once, terms.lease, terms.line

  if line and not terms.connectionTtlMs and not redis.call('ZSCORE', terms.connections, terms.connection) then
    return -3
  end

  if terms.window then
    local isRoom, waitMs = passes(terms.window, terms.requests, terms.windowMs)
    if not isRoom then
      return waitMs
    end
  end

  if once then
    local taken = redis.call('HMGET', once, 'event', 'fingerprint', 'msg')
    if taken[1] then
      return taken[2] == terms.fingerprint and { taken[1], taken[3] } or -4
    end
  end

  if lease and not hasRoom(lease, id, terms.leaseLimit) then
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
    takePlace(lease, id)
  end

  if terms.connectionTtlMs then
    local connection = terms.connectionKey
    redis.call('HSET', connection, 'ns', terms.namespace, 'ch', channel, 'places', terms.placesKey, 'head', head)
    redis.call('PEXPIRE', connection, terms.connectionTtlMs)
    redis.call('ZADD', terms.connections, lapsesAtText, terms.connection)
  end

  if not asked(head) then
    return 0
  end

  if not line then
    redis.call('XADD', events, '*', 'h', head, 'b', body)
  elseif not appendInLine(events, line, terms.connection, head, body) then
    -- A runner is told when the event's turn has come.
    return 0
  end
  if terms.reply and once then
    redis.call('HSET', terms.reply, 'ns', terms.namespace, 'ch', channel, 'once', once)
    redis.call('PEXPIRE', terms.reply, terms.replyTtlMs)
  elseif terms.reply then
    openReply(terms.reply, asked(replyId) and replyId or id, terms.namespace, terms.replyTtlMs)
  end
  if once then
    redis.call('HSET', once, 'event', terms.eventId, 'fingerprint', terms.fingerprint)
    if terms.retryFailed then
      redis.call('HSET', once, 'retry', '1')
    end
    redis.call('PEXPIRE', once, terms.onceTtlMs)
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
  local terms
  for i = 1, calls do
    local count = tonumber(ARGV[at])
    if count > 4 then
      terms = termsOf(unpack(ARGV, at + 5, at + count))
    end
    local isDone, verdict, isAppended = pcall(admit, terms, unpack(ARGV, at + 1, at + math.min(count, 4)))
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
