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

# Several rows at once: table, then name and body in turns.
PUT_ALL = """
local versions = {}
for i = 2, #ARGV, 2 do
  local row = redis.call('HGET', KEYS[1] .. ARGV[1], ARGV[i])
  local version = row and tonumber(string.match(row, '^(%d+):')) or 0
  local order = row and string.match(row, '^%d+:(%d+):')
  order = order or redis.call('HINCRBY', KEYS[1] .. 'facts', 'order', 1)
  redis.call('HSET', KEYS[1] .. ARGV[1], ARGV[i], (version + 1) .. ':' .. order .. ':' .. ARGV[i + 1])
  versions[#versions + 1] = version + 1
end
return versions
"""

CHANGE = """
local row = redis.call('HGET', KEYS[1] .. 'products', ARGV[1]) or ''
if row ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1] .. 'products', ARGV[1], ARGV[3])
return 1
"""
