-- Open replies. Of those that were opened at about the same time one hash has the namespace and the channel of each, parted by a blank, and the namespace alone
-- when it is over. One that is remembered with its event, for longer than its caller waits, has a hash of its own.
local function waiting(namespace, channel)
  return namespace .. ' ' .. channel
end

-- Namespace and channel of a reply in a shared hash; no channel when it is over. Most of a batch wait for the same.
local waits = {}
local function whoWaits(open)
  local one = waits[open]
  if not one then
    local namespace, channel = string.match(open, '^(%S+) (.+)$')
    one = { namespace = namespace or open, channel = channel }
    waits[open] = one
  end
  return one.namespace, one.channel
end
