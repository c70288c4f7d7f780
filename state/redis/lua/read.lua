#!lua flags=allow-oom
-- Work of one partition for a consumer: due runs, events of dead consumers (when asked for), new events. See `RunnerState.read`.
--
-- KEYS  1 events  2 parked  3 idle  4 dead letters  5 backlog  6 attempts
-- ARGV  1 group  2 consumer  3 count  4 lapseMs  5 maxAttempts  6 cap of the dead letters  7 "1": look for events of dead consumers
--       8 the consumer's name among the idle ones  9 how long it counts as idle, ms  10 prefix of the keys of runs  11 prefix of the keys of lines
--       12 for how much an event counts at least in the backlog
--       13 "1": who was silent for so long is dead; else only what was handed over is taken from others
--       then the runs that the consumer holds, and the entries when those of the dead are looked for: they stay as they are, even if it could not say so
--       for long
-- Returns {runs, events, put aside}: runs as {id, epoch, checkpoint, attempts}, events as {entry, deliveries, head, body}, the heads of events put aside
-- Atomic, so that nobody else gets the same work, and a consumer that finds nothing is known as idle before the next event is appended.
-- The keys of runs and lines are made here: they carry the hash tag of the others.
-- include backlog
-- include line

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local group, consumer, lapseMs = ARGV[1], ARGV[2], tonumber(ARGV[4])
local left = tonumber(ARGV[3])
local runs, events, aside = {}, {}, {}

local certain, held, passed = ARGV[13] == '1', {}, #ARGV - 13
for i = 14, #ARGV do
  held[ARGV[i]] = true
end
-- How long an event is left alone whose consumer was silent. What was handed over is idle for a day, see hold.lua.
local abandonedMs = certain and lapseMs or 86400000

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, left + (certain and passed or 1000))) do
  if left == 0 then
    break
  end
  local run = ARGV[10] .. id
  local known = redis.call('HMGET', run, 'checkpoint', 'epoch', 'attempts', 'consumer')
  if held[id] or (known[4] and not certain) then
    -- Somebody goes on with it.
  elseif known[1] then
    local epoch, attempts = math.floor(known[2]) + 1, (known[3] or 0) + 1
    redis.call('HSET', run, 'epoch', epoch, 'attempts', attempts, 'consumer', consumer)
    redis.call('ZADD', KEYS[2], now + lapseMs, id)
    runs[#runs + 1] = { id, epoch, known[1], attempts }
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
local function attemptsAt(id, owner, idle)
  if owner ~= consumer and idle < 86400000 then
    return redis.call('HINCRBY', KEYS[6], id, 1)
  end
  return tonumber(redis.call('HGET', KEYS[6], id) or 0)
end

local function putAside(id, deliveries, attempts)
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  local connection = entry and field(entry[2], 'c')
  if entry then
    local head, body = field(entry[2], 'h'), field(entry[2], 'b')
    local reason = attempts .. ' runners have died over it'
    redis.call('XADD', KEYS[4], 'MAXLEN', ARGV[6], '*', 'h', head, 'b', body, 'deliveries', deliveries, 'reason', reason)
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
        local entry = redis.call('XCLAIM', KEYS[1], group, consumer, 0, id)[1]
        if entry then
          events[#events + 1] = { id, deliveries + 1, field(entry[2], 'h'), field(entry[2], 'b') }
          left = left - 1
        end
      end
    end
  end
end

if left > 0 then
  local read = { 'XREADGROUP', 'GROUP', group, consumer, 'COUNT', left, 'STREAMS', KEYS[1], '>' }
  local streams = redis.pcall(unpack(read))
  if streams and streams.err then
    -- The group goes with the stream when Redis has lost its data.
    redis.call('XGROUP', 'CREATE', KEYS[1], group, '0', 'MKSTREAM')
    streams = redis.call(unpack(read))
  end
  for _, entry in ipairs(streams and streams[1] and streams[1][2] or {}) do
    events[#events + 1] = { entry[1], 1, field(entry[2], 'h'), field(entry[2], 'b') }
  end
end

if #runs + #events == 0 then
  redis.call('SADD', KEYS[3], ARGV[8])
  redis.call('PEXPIRE', KEYS[3], ARGV[9])
end
return { runs, events, aside }
