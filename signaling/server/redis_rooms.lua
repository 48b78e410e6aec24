-- Rooms that several servers share, as `Rooms` (rooms.py) keeps those of one process.
--
-- Redis runs one script at a time, so each operation below happens whole or not at all. Each can be
-- asked for again when its answer was lost: what it has done already it does not do twice.
--
-- KEYS[1]  what all names begin with; its braces keep them in one slot.
-- ARGV     operation, Limits.backlog_messages, Limits.backlog_size, longest step of the clock, then
--          the arguments of the operation.
--
-- member:NAME    hash: room, peer (JSON), identity, session (hash of its secret, or ''), server,
--                token (its connection), connected, received (frames of it), acked and kept (frames
--                for it: acknowledged, and in the mailbox), size (octets of these), faults
-- mailbox:NAME   list of frames that it has not acknowledged
-- room:NAME      list of the members, in the order in which they joined
-- session:HASH   the member
-- deadlines      sorted set: when each member is removed, unless it is heard of before
-- clock          hash: `real`, Redis' own time at the last look, and `shown`, which goes on by the
--                longest step at most: a longer time without a look is one in which Redis was away,
--                and nobody could be heard of
-- places         hash: members of each server

local BASE = KEYS[1]
local MOST_MESSAGES, MOST_SIZE = tonumber(ARGV[2]), tonumber(ARGV[3])
local LONGEST_STEP = tonumber(ARGV[4])
-- Members that one look at the clock removes.
local MOST_OVERDUE = 32

local function member_key(name) return BASE .. 'member:' .. name end
local function mailbox_key(name) return BASE .. 'mailbox:' .. name end
local function room_key(room) return BASE .. 'room:' .. room end
local function session_key(hash) return BASE .. 'session:' .. hash end
local DEADLINES, CLOCK, PLACES = BASE .. 'deadlines', BASE .. 'clock', BASE .. 'places'

-- Returns the fields of a member, numbers as text; false for those of a member that is gone.
local function read(name, ...)
  return unpack(redis.call('HMGET', member_key(name), ...))
end

local function now()
  local time = redis.call('TIME')
  local real = tonumber(time[1]) + tonumber(time[2]) / 1e6
  local last, shown = unpack(redis.call('HMGET', CLOCK, 'real', 'shown'))
  shown = tonumber(shown or 0)
  if last then
    shown = shown + math.max(0, math.min(real - tonumber(last), LONGEST_STEP))
  end
  redis.call('HSET', CLOCK, 'real', string.format('%.6f', real), 'shown', string.format('%.6f', shown))
  return shown
end

-- What the servers are told: one message to each, when the operation is done.
local lines = {}

local function tell(server, line)
  lines[server] = lines[server] and (lines[server] .. '\n' .. line) or line
end

local slow = {}

local function post(name, frame)
  local server, token, connected, kept, size = read(name, 'server', 'token', 'connected', 'kept', 'size')
  if not server then return end
  kept, size = tonumber(kept), tonumber(size) + #frame
  if kept > 0 and (kept >= MOST_MESSAGES or size > MOST_SIZE) then
    slow[#slow + 1] = name
    return
  end
  redis.call('RPUSH', mailbox_key(name), frame)
  redis.call('HSET', member_key(name), 'kept', kept + 1, 'size', size)
  if connected == '1' then tell(server, 'wake ' .. token) end
end

local function count(server, change)
  if redis.call('HINCRBY', PLACES, server, change) <= 0 then redis.call('HDEL', PLACES, server) end
end

local function remove(name, reason, may_return)
  local room, session, server, identity = read(name, 'room', 'session', 'server', 'identity')
  if not room then return end
  redis.call('DEL', member_key(name), mailbox_key(name))
  if session ~= '' then redis.call('DEL', session_key(session)) end
  redis.call('ZREM', DEADLINES, name)
  redis.call('LREM', room_key(room), 0, name)
  count(server, -1)
  local left = {type = 'peer-left', member = name, reason = reason}
  if may_return and identity ~= '' then left.mayReturn = true end
  local frame = cjson.encode(left)
  for _, other in ipairs(redis.call('LRANGE', room_key(room), 0, -1)) do post(other, frame) end
end

-- Removes a member and tells its connection why.
local function finish(name, code, reason, may_return)
  local server, token, connected = read(name, 'server', 'token', 'connected')
  if connected == '1' then tell(server, 'end ' .. token .. ' ' .. code .. ' ' .. reason) end
  remove(name, 'disconnected: ' .. code, may_return)
end

local function forget(name, acked, kept, received)
  local gone = received - acked
  if gone <= 0 then return end
  local size = 0
  for _, frame in ipairs(redis.call('LPOP', mailbox_key(name), gone)) do size = size + #frame end
  redis.call('HSET', member_key(name), 'acked', received, 'kept', kept - gone)
  redis.call('HINCRBY', member_key(name), 'size', -size)
end

-- Says why a connection is no longer the one of its member, or nil.
local function stale(name, token)
  local present, connected = read(name, 'token', 'connected')
  if not present then return 'gone' end
  if present ~= token or connected ~= '1' then return 'replaced' end
end

local operations = {}

function operations.join(room, name, token, server, session, identity, peer, announced, most, most_here, lease)
  local present = read(name, 'token')
  if present and present ~= token then return {'taken'} end
  if not present then
    local earlier
    local others = redis.call('LRANGE', room_key(room), 0, -1)
    for _, other in ipairs(others) do
      if identity ~= '' and read(other, 'identity') == identity then earlier = other end
    end
    local here = tonumber(redis.call('HGET', PLACES, server) or 0)
    if earlier then
      if read(earlier, 'server') == server then here = here - 1 end
      finish(earlier, 'replaced', 'the same participant joined over another connection', true)
      others = redis.call('LRANGE', room_key(room), 0, -1)
    end
    if #others >= tonumber(most) then return {'room-full'} end
    if here >= tonumber(most_here) then return {'server-full'} end
    redis.call('HSET', member_key(name), 'room', room, 'peer', peer, 'identity', identity,
      'session', session, 'server', server, 'token', token, 'connected', 1,
      'received', 0, 'acked', 0, 'kept', 0, 'size', 0, 'faults', 0)
    redis.call('RPUSH', room_key(room), name)
    if session ~= '' then redis.call('SET', session_key(session), name) end
    -- Without the time for a return, which `renew` gives: of a join whose server has given it up
    -- meanwhile nothing is left soon.
    redis.call('ZADD', DEADLINES, now() + tonumber(lease), name)
    count(server, 1)
    for _, other in ipairs(others) do post(other, announced) end
  end
  local reply = {'ok'}
  for _, other in ipairs(redis.call('LRANGE', room_key(room), 0, -1)) do
    if other == name then break end
    reply[#reply + 1] = read(other, 'peer')
  end
  return reply
end

function operations.seat(session)
  local name = redis.call('GET', session_key(session))
  if not name then return {'gone'} end
  return {'ok', read(name, 'room', 'peer', 'token')}
end

-- `seen` is the connection that `seat` named: of two that return at once one is told to try again,
-- and a command that Redis did not get to for long takes the seat from nobody.
function operations.resume(session, received, token, server, seen, time)
  local name = redis.call('GET', session_key(session))
  if not name then return {'gone'} end
  local room, old_server, old_token, connected, arrived, acked, kept =
    read(name, 'room', 'server', 'token', 'connected', 'received', 'acked', 'kept')
  if old_token ~= seen and old_token ~= token then return {'again'} end
  received, acked, kept = tonumber(received), tonumber(acked), tonumber(kept)
  if received < acked or received > acked + kept then return {'gone'} end
  forget(name, acked, kept, received)
  if connected == '1' and old_token ~= token then
    tell(old_server, 'end ' .. old_token .. ' replaced the session was resumed over another connection')
  end
  redis.call('HSET', member_key(name), 'server', server, 'token', token, 'connected', 1)
  redis.call('ZADD', DEADLINES, now() + tonumber(time), name)
  count(old_server, -1)
  count(server, 1)
  return {'ok', name, room, arrived}
end

-- Counts a frame of a member, by its number; `again` where that was done before.
local function counted(name, number)
  if number == '' then return end
  local received = tonumber(read(name, 'received'))
  if tonumber(number) <= received then return 'again' end
  -- Redis lost what it had said it kept: nobody knows which messages are missing.
  if tonumber(number) ~= received + 1 then return 'lost' end
  redis.call('HSET', member_key(name), 'received', number)
end

-- `receivers`: `all`, or one name behind `one `. `nobody` is the answer where there are none.
function operations.relay(name, token, number, receiver, frame, nobody)
  local problem = stale(name, token) or counted(name, number)
  if problem then return {problem} end
  local room, told = read(name, 'room'), 0
  for _, other in ipairs(redis.call('LRANGE', room_key(room), 0, -1)) do
    if other ~= name and (receiver == '' or receiver == other) then
      post(other, frame)
      told = told + 1
    end
  end
  if told == 0 then post(name, nobody) end
  return {'ok', told}
end

function operations.fault(name, token, number, code, frame, most)
  local problem = stale(name, token) or counted(name, number)
  if problem then return {problem} end
  if redis.call('HINCRBY', member_key(name), 'faults', 1) >= tonumber(most) then
    remove(name, 'disconnected: ' .. code, false)
    return {'ended'}
  end
  post(name, frame)
  return {'ok'}
end

function operations.acknowledge(name, token, received)
  local problem = stale(name, token)
  if problem then return {problem} end
  local acked, kept = read(name, 'acked', 'kept')
  acked, kept, received = tonumber(acked), tonumber(kept), tonumber(received)
  if received > acked + kept then return {'wrong'} end
  forget(name, acked, kept, received)
  return {'ok'}
end

-- Gives the frames behind number `taken`, `most` at once; a member that cannot return has no use for those before.
function operations.fetch(name, token, taken, most)
  local problem = stale(name, token)
  if problem then return {problem} end
  local session, acked, kept = read(name, 'session', 'acked', 'kept')
  acked, kept, taken = tonumber(acked), tonumber(kept), tonumber(taken)
  if taken < acked or taken > acked + kept then return {'lost'} end
  if session == '' then
    forget(name, acked, kept, taken)
    acked = taken
  end
  local first = taken - acked
  return {'ok', unpack(redis.call('LRANGE', mailbox_key(name), first, first + tonumber(most) - 1))}
end

function operations.detach(name, token, left, lifetime)
  local problem = stale(name, token)
  if problem then return {problem} end
  if left == '1' then
    remove(name, 'left', false)
  elseif read(name, 'session') == '' then
    remove(name, 'the connection broke', true)
  else
    redis.call('HSET', member_key(name), 'connected', 0)
    redis.call('ZADD', DEADLINES, now() + tonumber(lifetime), name)
  end
  return {'ok'}
end

function operations.expel(name, token, code, may_return)
  local problem = stale(name, token)
  if problem then return {problem} end
  remove(name, 'disconnected: ' .. code, may_return == '1')
  return {'ok'}
end

-- Says that these members are still connected; returns the tokens of those that are not.
function operations.renew(lease, lifetime, ...)
  local reply, time = {'ok'}, now()
  local names = {...}
  for i = 1, #names, 2 do
    local name, token = names[i], names[i + 1]
    if stale(name, token) then
      reply[#reply + 1] = token
    else
      local rest = read(name, 'session') == '' and 0 or tonumber(lifetime)
      redis.call('ZADD', DEADLINES, time + tonumber(lease) + rest, name)
    end
  end
  return reply
end

-- Removes members that nobody has heard of for too long, and lets a server hear itself.
function operations.look(server)
  local overdue = redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', now(), 'LIMIT', 0, MOST_OVERDUE)
  for _, name in ipairs(overdue) do remove(name, 'the connection broke', true) end
  tell(server, 'here')
  return {'ok'}
end

local reply = operations[ARGV[1]](unpack(ARGV, 5))
while #slow > 0 do
  finish(table.remove(slow), 'too-slow', 'more messages wait than are kept', true)
end
for server, text in pairs(lines) do redis.call('PUBLISH', BASE .. 'server:' .. server, text) end
return reply
