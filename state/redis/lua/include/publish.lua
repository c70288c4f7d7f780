-- What a script says to pods: each gets all of it in one publication, as lines: id, message, id, message, and so on.
local said = {}

local function say(channel, id, message)
  local lines = said[channel]
  if not lines then
    lines = {}
    said[channel] = lines
  end
  lines[#lines + 1] = id
  lines[#lines + 1] = message
end

local function publish()
  for channel, lines in pairs(said) do
    redis.call('PUBLISH', channel, table.concat(lines, '\n'))
  end
end
