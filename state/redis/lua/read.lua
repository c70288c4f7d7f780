#!lua flags=allow-oom
-- Work of one partition for a consumer: due runs, events of dead consumers (when asked for), new events. See `RunnerState.read`.
--
-- KEYS  1 events  2 parked  3 idle  4 dead letters  5 backlog  6 attempts  7 deferred
-- ARGV  1 group  2 consumer  3 count  4 lapseMs  5 maxAttempts  6 how many dead letters are kept  7 "1": look for events of dead consumers, and for deferred ones
--       8 the consumer's name among the idle ones  9 how long it counts as idle, ms  10 prefix of the keys of runs  11 prefix of the keys of lines
--       12 for how much an event counts at least in the backlog
--       13 "1": who was silent for so long is dead; else only what was handed over is taken from others
--       14 what there is room for, `Rooms` as JSON, or ""  15 prefix of the keys of deferred events  16 "1": look for deferred events  17 partition
--       18 how many bytes of dead letters are kept
--       then the runs that the consumer holds, and the entries when those of the dead or deferred ones are looked for: they stay as they are, even if
--       it could not say so for long
-- Returns {runs, events, put aside}: runs as {id, epoch, checkpoint, attempts, Webhook}, events as {entry, deliveries, head, body}, the heads of events put
--         aside, how the Webhooks of deferred events are named, when it was looked for them, and 1 when there is more than was looked at
-- Atomic, so that nobody else gets the same work, and a consumer that finds nothing is known as idle before the next event is appended.
-- The keys of runs, lines and deferred events are made here: they carry the hash tag of the others.
-- An event is deferred when it was its turn and there was no room for it: it stays in the stream, is nobody's, and its id waits in the list of its Webhook.
-- include backlog
-- include dead-letters
-- include flow
-- include line
-- include wake

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local group, consumer, lapseMs = ARGV[1], ARGV[2], tonumber(ARGV[4])
local left = tonumber(ARGV[3])
local runs, events, aside = {}, {}, {}

local certain, held, passed = ARGV[13] == '1', {}, #ARGV - 18
for i = 19, #ARGV do
  held[ARGV[i]] = true
end
-- How long an event is left alone whose consumer was silent. What was handed over is idle for a day, see hold.lua.
local abandonedMs = certain and lapseMs or 86400000

local rooms = ARGV[14] ~= '' and cjson.decode(ARGV[14])
local isMore, isDeferring = false, false

local function roomFor(flow)
  local namespace = string.match(flow, '^[^/]*')
  return math.min(rooms.named[namespace] or rooms.namespace, rooms.named[flow] or rooms.webhook)
end

-- Takes a place of the Webhook. False: there is none.
local function takePlace(flow)
  if not rooms or not flow then
    return true
  end
  if roomFor(flow) < 1 then
    return false
  end
  local namespace = string.match(flow, '^[^/]*')
  rooms.named[namespace] = (rooms.named[namespace] or rooms.namespace) - 1
  rooms.named[flow] = (rooms.named[flow] or rooms.webhook) - 1
  return true
end

local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, left + (certain and passed or 1000))
for _, id in ipairs(due) do
  if left == 0 then
    break
  end
  local run = ARGV[10] .. id
  local known = redis.call('HMGET', run, 'checkpoint', 'epoch', 'attempts', 'consumer', 'flow')
  if held[id] or (known[4] and not certain) then
    -- Somebody goes on with it.
  elseif known[1] and not takePlace(known[5]) then
    -- Those behind it must not wait for it.
    redis.call('ZADD', KEYS[2], now + 1000, id)
    isMore = isMore or id == due[#due]
  elseif known[1] then
    local epoch, attempts = math.floor(known[2]) + 1, (known[3] or 0) + 1
    redis.call('HSET', run, 'epoch', epoch, 'attempts', attempts, 'consumer', consumer)
    redis.call('ZADD', KEYS[2], now + lapseMs, id)
    runs[#runs + 1] = { id, epoch, known[1], attempts, known[5] or '' }
    left = left - 1
  else
    redis.call('ZREM', KEYS[2], id)
  end
end

local function field(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then
      return fields[i + 1]
    end
  end
end

-- How many consumers have died over an entry since a run of it came further. Who handed it over (see hold.lua), or never got it, has not.
-- From now on it is known that the entry is delivered again, see acknowledge.lua.
local function attemptsAt(id, owner, idle)
  return redis.call('HINCRBY', KEYS[6], id, (owner ~= consumer and idle < 86400000) and 1 or 0)
end

local function putAside(id, deliveries, attempts)
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  local connection = entry and field(entry[2], 'c')
  if entry then
    local head, body = field(entry[2], 'h'), field(entry[2], 'b')
    local reason = attempts .. ' runners have died over it'
    addDeadLetter(KEYS[4], { 'h', head, 'b', body, 'deliveries', deliveries, 'reason', reason }, ARGV[6], ARGV[18])
    aside[#aside + 1] = head
    lighten(KEYS[5], weightOf(head, body, ARGV[12]))
  end
  redis.call('XACK', KEYS[1], group, id)
  redis.call('XDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[6], id)
  if connection then
    -- Read below.
    advanceLine(KEYS[1], ARGV[11] .. connection, connection, id)
  end
end

-- Leaves an event that was delivered so often to whoever has room for it.
local function defer(id, deliveries, flow)
  redis.call('XACK', KEYS[1], group, id)
  redis.call('RPUSH', ARGV[15] .. flow, id .. ' ' .. deliveries)
  redis.call('HINCRBY', KEYS[7], flow, 1)
  isDeferring = true
end

-- The next deferred event of a Webhook, if there is one.
local function takeDeferred(flow)
  local item = redis.call('LPOP', ARGV[15] .. flow)
  if not item then
    redis.call('HDEL', KEYS[7], flow)
    return false
  end
  if redis.call('HINCRBY', KEYS[7], flow, -1) < 1 then
    redis.call('HDEL', KEYS[7], flow)
  end
  local id, deliveries = string.match(item, '^(%S+) (%d+)$')
  -- What the consumer works on all the same, having been silent for long, stays its own, in the delivery that it knows.
  deliveries = deliveries + (held[id] and 0 or 1)
  -- It is in the stream, unless somebody has removed it there.
  local claimed = redis.pcall('XCLAIM', KEYS[1], group, consumer, 0, id, 'RETRYCOUNT', deliveries, 'FORCE')
  local entry = not claimed.err and not held[id] and claimed[1]
  if entry then
    takePlace(flow)
    events[#events + 1] = { id, deliveries, field(entry[2], 'h'), field(entry[2], 'b') }
    left = left - 1
  end
  return true
end

local looksBehind = ARGV[7] == '1' or ARGV[16] == '1'
if looksBehind and left > 0 then
  local flows = redis.call('HKEYS', KEYS[7])
  local share = math.ceil(left / #flows)
  for _, flow in ipairs(flows) do
    local least = math.max(0, left - share)
    while left > least and (not rooms or roomFor(flow) > 0) and takeDeferred(flow) do
    end
  end
end

if ARGV[7] == '1' and left > 0 then
  local stale = redis.pcall('XPENDING', KEYS[1], group, 'IDLE', abandonedMs, '-', '+', left + passed)
  for _, pending in ipairs(stale.err and {} or stale) do
    local id, owner, idle, deliveries = unpack(pending)
    if left == 0 then
      break
    end
    if not held[id] then
      local attempts = attemptsAt(id, owner, idle)
      if attempts >= tonumber(ARGV[5]) then
        putAside(id, deliveries, attempts)
      else
        local found = rooms and redis.call('XRANGE', KEYS[1], id, id)[1]
        local flow = found and flowOf(field(found[2], 'h'))
        if not takePlace(flow) then
          defer(id, deliveries, flow)
        else
          local entry = redis.call('XCLAIM', KEYS[1], group, consumer, 0, id)[1]
          if entry then
            events[#events + 1] = { id, deliveries + 1, field(entry[2], 'h'), field(entry[2], 'b') }
            left = left - 1
          end
        end
      end
    end
  end
end

-- How many events one script defers at most, so that it does not hold Redis up.
local mayDefer = 200
while left > 0 and mayDefer > 0 do
  local asked, deferred = left, 0
  local read = { 'XREADGROUP', 'GROUP', group, consumer, 'COUNT', asked, 'STREAMS', KEYS[1], '>' }
  local streams = redis.pcall(unpack(read))
  if streams and streams.err then
    -- The group goes with the stream when Redis has lost its data.
    redis.call('XGROUP', 'CREATE', KEYS[1], group, '0', 'MKSTREAM')
    streams = redis.call(unpack(read))
  end
  local entries = streams and streams[1] and streams[1][2] or {}
  for _, entry in ipairs(entries) do
    local head = field(entry[2], 'h')
    local flow = rooms and flowOf(head)
    if takePlace(flow) then
      events[#events + 1] = { entry[1], 1, head, field(entry[2], 'b') }
      left = left - 1
    else
      defer(entry[1], 0, flow)
      deferred = deferred + 1
    end
  end
  mayDefer = mayDefer - deferred
  if deferred == 0 or #entries < asked then
    break
  end
  isMore = isMore or mayDefer <= 0
end

if isDeferring then
  -- Another runner may have room.
  wake(KEYS[3], ARGV[17] .. ' deferred')
end
if #runs + #events == 0 and not isMore then
  redis.call('SADD', KEYS[3], ARGV[8])
  redis.call('PEXPIRE', KEYS[3], ARGV[9])
end
local waiting = (looksBehind or isDeferring) and redis.call('HKEYS', KEYS[7]) or ''
if waiting ~= '' then
  -- Should there be very many, the next sweep looks at the others.
  for i = #waiting, 101, -1 do
    waiting[i] = nil
  end
end
return { runs, events, aside, waiting, isMore and 1 or 0 }
