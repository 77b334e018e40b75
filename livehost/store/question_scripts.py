"""What Redis does with questions in one step: Lua, each on one room's keys (under the prefix KEYS[1]).

A question is a hash q:<id>. Sorted sets hold who is where: all, waiting, claimed and held by order of
arrival, waiting_at by the time it was sent, settled by the time that it was; waiting_of counts who waits
by viewer; with:<id> is the set of those that share a question's answer. `muted` maps a viewer to "order|until|at|by",
`muted_names` to the name as it is compared.
"""

from __future__ import annotations

_LEAVE = """
local p = KEYS[1]
local function leave(id)
  if redis.call('ZREM', p .. 'waiting', id) == 1 then
    redis.call('ZREM', p .. 'waiting_at', id)
    local key = p .. 'q:' .. id
    local who = redis.call('HGET', key, 'who') or redis.call('HGET', key, 'user')
    if redis.call('HINCRBY', p .. 'waiting_of', who, -1) <= 0 then
      redis.call('HDEL', p .. 'waiting_of', who)
    end
  end
  redis.call('ZREM', p .. 'claimed', id)
  redis.call('ZREM', p .. 'held', id)
end
local function part(id)
  local first = redis.call('HGET', p .. 'q:' .. id, 'joined')
  if first and first ~= '' then redis.call('SREM', p .. 'with:' .. first, id) end
  redis.call('HSET', p .. 'q:' .. id, 'joined', '')
end
local function wait(id)
  local key = p .. 'q:' .. id
  local found = redis.call('HMGET', key, 'order', 'at_us', 'who', 'user')
  redis.call('ZADD', p .. 'waiting', found[1], id)
  redis.call('ZADD', p .. 'waiting_at', found[2], id)
  redis.call('HINCRBY', p .. 'waiting_of', found[3] or found[4], 1)
end
"""

# ARGV: room's limit, viewer's limit, now, now_us, aged_us, then of each message id, user, text, at, at_us,
# user_id, source, buyer, refusal, the name as it is compared
ACCEPT = (
    _LEAVE
    + """
local limit, of_user, now, now_us, aged =
  tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), ARGV[5]
for _, id in ipairs(redis.call('ZRANGE', p .. 'settled', '-inf', aged, 'BYSCORE', 'LIMIT', 0, 1000)) do
  redis.call('DEL', p .. 'q:' .. id, p .. 'with:' .. id)
  redis.call('ZREM', p .. 'settled', id)
  redis.call('ZREM', p .. 'all', id)
end
local silent, silent_names = {}, {}
local rows = redis.call('HGETALL', p .. 'muted')
for i = 1, #rows, 2 do
  local ends = string.match(rows[i + 1], '^%d+|(%d*)|')
  if ends == '' or tonumber(ends) > now_us then
    silent[rows[i]] = true
    silent_names[redis.call('HGET', p .. 'muted_names', rows[i]) or rows[i]] = true
  end
end
local waiting = redis.call('ZCARD', p .. 'waiting')
local held = {}
local fates = {}
for i = 6, #ARGV, 10 do
  local id, user, text, at, at_us = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local user_id, source, buyer, fate = ARGV[i + 5], ARGV[i + 6], ARGV[i + 7], ARGV[i + 8]
  local name = ARGV[i + 9]
  local who = user_id ~= '' and user_id or user
  held[who] = held[who] or tonumber(redis.call('HGET', p .. 'waiting_of', who) or 0)
  if redis.call('EXISTS', p .. 'q:' .. id) == 1 then fate = 'duplicate'
  elseif fate ~= '' then fate = fate
  elseif silent[user_id] or silent[user] or silent_names[name] then fate = 'muted'
  elseif who ~= '' and held[who] >= of_user then fate = 'user_full'
  elseif waiting >= limit then fate = 'inbox_full'
  else
    local order = redis.call('HINCRBY', p .. 'facts', 'order', 1)
    redis.call('HSET', p .. 'q:' .. id, 'id', id, 'user', user, 'text', text, 'at', at, 'at_us', at_us,
      'state', 'accepted', 'updated_at', now, 'note', '', 'answer', '', 'trace', '', 'user_id', user_id,
      'source', source, 'buyer', buyer, 'detail', '{}', 'who', who, 'order', order, 'name', name)
    redis.call('ZADD', p .. 'all', order, id)
    wait(id)
    held[who] = held[who] + 1
    waiting = waiting + 1
  end
  fates[#fates + 1] = fate
end
return fates
"""
)

# ARGV: how many
WAITING = """
local p = KEYS[1]
local found = {}
for _, id in ipairs(redis.call('ZRANGE', p .. 'waiting', 0, tonumber(ARGV[1]) - 1)) do
  found[#found + 1] = redis.call('HGETALL', p .. 'q:' .. id)
end
return found
"""

# ARGV: now, the one whose answer they share or empty, whether it is among them, then the ids
CLAIM = (
    _LEAVE
    + """
local taken, first = {}, ARGV[2]
if first ~= '' then
  local state = redis.call('HGET', p .. 'q:' .. first, 'state')
  local may = ARGV[3] == '1' and state == 'accepted'
  may = may or ARGV[3] == '0' and (state == 'claimed' or state == 'sent' or state == 'held')
  if not may then return taken end
end
for i = 4, #ARGV do
  local key = p .. 'q:' .. ARGV[i]
  if redis.call('HGET', key, 'state') == 'accepted' then
    leave(ARGV[i])
    local joined = ARGV[i] ~= first and first or ''
    redis.call('HSET', key, 'state', 'claimed', 'updated_at', ARGV[1], 'joined', joined)
    if joined ~= '' then redis.call('SADD', p .. 'with:' .. first, ARGV[i]) end
    redis.call('ZADD', p .. 'claimed', redis.call('HGET', key, 'order'), ARGV[i])
    taken[#taken + 1] = redis.call('HGETALL', key)
  end
end
return taken
"""
)

# ARGV: id, state, now, now_us, note, answer, trace, detail, whether it is settled, then the states that may
# become it
SETTLE = (
    _LEAVE
    + """
local id, state = ARGV[1], ARGV[2]
local key = p .. 'q:' .. id
local was = redis.call('HGET', key, 'state')
if not was then return {'missing', '', {}, {}} end
if was == state then return {'same', was, redis.call('HGETALL', key), {}} end
local allowed = false
for i = 10, #ARGV do allowed = allowed or ARGV[i] == was end
if not allowed then return {'refused', was, {}, {}} end
local open = {accepted = true, claimed = true, sent = true, held = true}
local function move(one)
  local its = p .. 'q:' .. one
  leave(one)
  if state == 'accepted' then
    wait(one)
  elseif state == 'claimed' or state == 'held' then
    redis.call('ZADD', p .. state, redis.call('HGET', its, 'order'), one)
  end
  if ARGV[9] == '1' then redis.call('ZADD', p .. 'settled', ARGV[4], one) end
  redis.call('HSET', its, 'state', state, 'updated_at', ARGV[3], 'note', ARGV[5], 'answer', ARGV[6],
    'trace', ARGV[7])
end
local together = {}
for _, one in ipairs(redis.call('SMEMBERS', p .. 'with:' .. id)) do
  local before = redis.call('HGET', p .. 'q:' .. one, 'state')
  if before and (open[before] or before == was) then together[#together + 1] = one end
end
table.sort(together, function(a, b)
  return tonumber(redis.call('HGET', p .. 'q:' .. a, 'order')) < tonumber(redis.call('HGET', p .. 'q:' .. b, 'order'))
end)
part(id)
move(id)
redis.call('HSET', key, 'detail', ARGV[8])
for _, one in ipairs(together) do
  move(one)
  if state == 'accepted' then part(one) end
end
return {'ok', was, redis.call('HGETALL', key), together}
"""
)

# ARGV: now
REQUEUE = (
    _LEAVE
    + """
local ids = redis.call('ZRANGE', p .. 'claimed', 0, -1)
for _, id in ipairs(ids) do
  redis.call('HSET', p .. 'q:' .. id, 'state', 'accepted', 'updated_at', ARGV[1])
  part(id)
  wait(id)
end
redis.call('DEL', p .. 'claimed')
return #ids
"""
)

# ARGV: before_us, now, now_us, how many
EXPIRE = (
    _LEAVE
    + """
local ids = redis.call('ZRANGE', p .. 'waiting_at', '-inf', '(' .. ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[4])
local expired = {}
for _, id in ipairs(ids) do
  leave(id)
  redis.call('HSET', p .. 'q:' .. id, 'state', 'expired', 'updated_at', ARGV[2])
  redis.call('ZADD', p .. 'settled', ARGV[3], id)
  expired[#expired + 1] = redis.call('HGETALL', p .. 'q:' .. id)
end
return expired
"""
)

# ARGV: score below which to look, how many, state or empty
QUESTIONS = """
local p, below, wanted, state = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local found, skipped = {}, 0
while #found < wanted do
  local ids = redis.call('ZREVRANGEBYSCORE', p .. 'all', below, '-inf', 'LIMIT', skipped, 500)
  for _, id in ipairs(ids) do
    local key = p .. 'q:' .. id
    if #found < wanted and (state == '' or redis.call('HGET', key, 'state') == state) then
      local raw = redis.call('HGETALL', key)
      if #raw > 0 then found[#found + 1] = raw end
    end
  end
  skipped = skipped + #ids
  if #ids < 500 then break end
end
return found
"""

# ARGV: who, until_us or empty, at, by, now_us, the name as it is compared
MUTE = (
    _LEAVE
    + """
local who = ARGV[1]
local row = redis.call('HGET', p .. 'muted', who)
local order = row and string.match(row, '^(%d+)|') or redis.call('HINCRBY', p .. 'facts', 'order', 1)
redis.call('HSET', p .. 'muted', who, order .. '|' .. ARGV[2] .. '|' .. ARGV[3] .. '|' .. ARGV[4])
redis.call('HSET', p .. 'muted_names', who, ARGV[6])
local blocked = {}
for _, set in ipairs({'waiting', 'claimed', 'held'}) do
  for _, id in ipairs(redis.call('ZRANGE', p .. set, 0, -1)) do
    local key = p .. 'q:' .. id
    local found = redis.call('HMGET', key, 'user_id', 'user', 'name')
    if found[1] == who or found[2] == who or found[3] == ARGV[6] then
      leave(id)
      redis.call('HSET', key, 'state', 'blocked', 'note', 'muted', 'updated_at', ARGV[3])
      redis.call('ZADD', p .. 'settled', ARGV[5], id)
      blocked[#blocked + 1] = redis.call('HGETALL', key)
    end
  end
end
for _, raw in ipairs(blocked) do
  local gone
  for i = 1, #raw, 2 do if raw[i] == 'id' then gone = raw[i + 1] end end
  for _, one in ipairs(redis.call('SMEMBERS', p .. 'with:' .. gone)) do
    local state = redis.call('HGET', p .. 'q:' .. one, 'state')
    if state == 'claimed' or state == 'held' then
      leave(one)
      part(one)
      redis.call('HSET', p .. 'q:' .. one, 'state', 'accepted', 'updated_at', ARGV[3])
      wait(one)
    end
  end
end
return blocked
"""
)
