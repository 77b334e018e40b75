"""What Redis does in one step: Lua, each on the keys of one room (all under the prefix KEYS[1])."""

from __future__ import annotations

# Rows with a version are hash fields "version:order:body".
PUT = """
local row = redis.call('HGET', KEYS[1] .. ARGV[1], ARGV[2])
local version = row and tonumber(string.match(row, '^(%d+):')) or 0
if ARGV[5] == 'add' and row then return {'there', version} end
if ARGV[4] ~= '' then
  if not row then return {'missing', 0} end
  if tonumber(ARGV[4]) ~= version then return {'conflict', version} end
end
local order = row and string.match(row, '^%d+:(%d+):')
order = order or redis.call('HINCRBY', KEYS[1] .. 'facts', 'order', 1)
redis.call('HSET', KEYS[1] .. ARGV[1], ARGV[2], (version + 1) .. ':' .. order .. ':' .. ARGV[3])
return {'ok', version + 1}
"""

DELETE = """
local row = redis.call('HGET', KEYS[1] .. ARGV[1], ARGV[2])
if not row then return {'missing', 0} end
local version = tonumber(string.match(row, '^(%d+):'))
if ARGV[3] ~= '' and tonumber(ARGV[3]) ~= version then return {'conflict', version} end
redis.call('HDEL', KEYS[1] .. ARGV[1], ARGV[2])
return {'ok', version}
"""

SEED = """
if redis.call('HSETNX', KEYS[1] .. 'facts', 'seeded_' .. ARGV[1], ARGV[2]) == 0 then return 0 end
for i = 3, #ARGV, 2 do
  local order = redis.call('HINCRBY', KEYS[1] .. 'facts', 'order', 1)
  redis.call('HSET', KEYS[1] .. ARGV[1], ARGV[i], '1:' .. order .. ':' .. ARGV[i + 1])
end
return 1
"""

CHANGE = """
local row = redis.call('HGET', KEYS[1] .. 'products', ARGV[1]) or ''
if row ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1] .. 'products', ARGV[1], ARGV[3])
return 1
"""

# A question is a hash q:<id>; sorted sets hold who is where: all and waiting and claimed by order of
# arrival, waiting_at by the time it was sent, settled by the time that it was.
ACCEPT = """
local limit, now, now_us, aged = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local p = KEYS[1]
for _, id in ipairs(redis.call('ZRANGE', p .. 'settled', '-inf', aged, 'BYSCORE', 'LIMIT', 0, 1000)) do
  redis.call('DEL', p .. 'q:' .. id)
  redis.call('ZREM', p .. 'settled', id)
  redis.call('ZREM', p .. 'all', id)
end
local waiting = redis.call('ZCARD', p .. 'waiting')
local fates = {}
for i = 5, #ARGV, 6 do
  local id, user, text, at, at_us, refusal =
    ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  local fate = refusal
  if redis.call('EXISTS', p .. 'q:' .. id) == 1 then fate = 'duplicate'
  elseif fate == '' and waiting >= limit then fate = 'inbox_full'
  elseif fate == '' then
    local order = redis.call('HINCRBY', p .. 'facts', 'order', 1)
    redis.call('HSET', p .. 'q:' .. id, 'id', id, 'user', user, 'text', text, 'at', at,
      'at_us', at_us, 'state', 'accepted', 'updated_at', now, 'note', '', 'answer', '', 'trace', '',
      'order', order)
    redis.call('ZADD', p .. 'all', order, id)
    redis.call('ZADD', p .. 'waiting', order, id)
    redis.call('ZADD', p .. 'waiting_at', at_us, id)
    waiting = waiting + 1
  end
  fates[#fates + 1] = fate
end
return fates
"""

CLAIM = """
local p = KEYS[1]
local ids = redis.call('ZRANGE', p .. 'waiting', 0, tonumber(ARGV[1]) - 1)
local taken = {}
for _, id in ipairs(ids) do
  redis.call('HSET', p .. 'q:' .. id, 'state', 'claimed', 'updated_at', ARGV[2])
  redis.call('ZADD', p .. 'claimed', redis.call('ZSCORE', p .. 'waiting', id), id)
  redis.call('ZREM', p .. 'waiting', id)
  redis.call('ZREM', p .. 'waiting_at', id)
  taken[#taken + 1] = redis.call('HGETALL', p .. 'q:' .. id)
end
return taken
"""

# ARGV: id, state, now, now_us, note, answer, trace, then the states that may become it
SETTLE = """
local p, id, state = KEYS[1], ARGV[1], ARGV[2]
local key = p .. 'q:' .. id
local was = redis.call('HGET', key, 'state')
if not was then return {'missing', '', {}} end
if was == state then return {'same', was, redis.call('HGETALL', key)} end
local allowed = false
for i = 8, #ARGV do allowed = allowed or ARGV[i] == was end
if not allowed then return {'refused', was, {}} end
local order = redis.call('HGET', key, 'order')
redis.call('ZREM', p .. 'waiting', id)
redis.call('ZREM', p .. 'waiting_at', id)
redis.call('ZREM', p .. 'claimed', id)
if state == 'accepted' then
  redis.call('ZADD', p .. 'waiting', order, id)
  redis.call('ZADD', p .. 'waiting_at', redis.call('HGET', key, 'at_us'), id)
elseif state == 'claimed' then
  redis.call('ZADD', p .. 'claimed', order, id)
else
  redis.call('ZADD', p .. 'settled', ARGV[4], id)
end
redis.call('HSET', key, 'state', state, 'updated_at', ARGV[3], 'note', ARGV[5], 'answer', ARGV[6],
  'trace', ARGV[7])
return {'ok', was, redis.call('HGETALL', key)}
"""

REQUEUE = """
local p = KEYS[1]
local ids = redis.call('ZRANGE', p .. 'claimed', 0, -1, 'WITHSCORES')
for i = 1, #ids, 2 do
  redis.call('HSET', p .. 'q:' .. ids[i], 'state', 'accepted', 'updated_at', ARGV[1])
  redis.call('ZADD', p .. 'waiting', ids[i + 1], ids[i])
  redis.call('ZADD', p .. 'waiting_at', redis.call('HGET', p .. 'q:' .. ids[i], 'at_us'), ids[i])
end
redis.call('DEL', p .. 'claimed')
return #ids / 2
"""

EXPIRE = """
local p = KEYS[1]
local ids = redis.call('ZRANGE', p .. 'waiting_at', '-inf', '(' .. ARGV[1], 'BYSCORE')
for _, id in ipairs(ids) do
  redis.call('HSET', p .. 'q:' .. id, 'state', 'expired', 'updated_at', ARGV[2])
  redis.call('ZREM', p .. 'waiting', id)
  redis.call('ZREM', p .. 'waiting_at', id)
  redis.call('ZADD', p .. 'settled', ARGV[3], id)
end
return #ids
"""
