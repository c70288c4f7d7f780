-- Puts an event aside, and forgets the oldest of those that were: more than so many, or than so many bytes. The last one stays.
-- Each carries its size, and that of all that ever came up to it, so that two of them tell how much lies between, whoever removed some.
local function addDeadLetter(letters, fields, cap, capBytes)
  local function sizesOf(entry)
    local size, total = 0, 0
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 'size' then
        size = tonumber(entry[2][i + 1])
      elseif entry[2][i] == 'total' then
        total = tonumber(entry[2][i + 1])
      end
    end
    return size, total
  end

  local size = 0
  for i = 2, #fields, 2 do
    size = size + #tostring(fields[i])
  end
  local last = redis.call('XREVRANGE', letters, '+', '-', 'COUNT', 1)[1]
  local _, before = sizesOf(last or { '', {} })
  local total = before + size
  fields[#fields + 1] = 'size'
  fields[#fields + 1] = string.format('%.0f', size)
  fields[#fields + 1] = 'total'
  fields[#fields + 1] = string.format('%.0f', total)
  local id = redis.call('XADD', letters, 'MAXLEN', cap, '*', unpack(fields))
  while true do
    local first = redis.call('XRANGE', letters, '-', '+', 'COUNT', 1)[1]
    local firstSize, firstTotal = sizesOf(first)
    if first[1] == id or total - firstTotal + firstSize <= tonumber(capBytes) then
      return
    end
    redis.call('XDEL', letters, first[1])
  end
end
