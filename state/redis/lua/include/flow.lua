-- The Webhook by which an event came, as `flowOf` in state/rooms.ts names it; nil for an event of a process of another version.
local function flowOf(head)
  local namespace, name = string.match(head, '^{"webhook":{"namespace":"([^"]*)","name":"([^"]*)"}')
  return namespace and namespace .. '/' .. name
end
