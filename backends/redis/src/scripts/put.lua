-- ARGV: the prefix, when, for how many seconds it stays unused, the ids of all encryption keys, each between line feeds; then for
-- each embedding its id, its owner and its sealed vector. One that is there stays, unless the key it was sealed with is gone, or
-- one of its parts.
local prefix, now, keep, keys = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local function stands(id)
  local owner = redis.call('GET', prefix .. 'at:' .. id)
  local vector = owner and redis.call('HGET', prefix .. 'of:' .. owner, id)
  if not vector or not redis.call('ZSCORE', prefix .. 'used', id) then
    return false
  end
  -- A sealed value begins with its version, the length of the key's id, and that (core/src/crypt/mod.rs).
  local key = string.sub(vector, 3, 2 + (string.byte(vector, 2) or 0))
  if string.find(keys, '\n' .. key .. '\n', 1, true) then
    return true
  end
  redis.call('HDEL', prefix .. 'of:' .. owner, id)
  return false
end

for i = 5, #ARGV, 3 do
  local id, owner, vector = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  -- A call that was under way when its caller was erased.
  if redis.call('EXISTS', prefix .. 'gone:' .. owner) == 0 and not stands(id) then
    redis.call('SET', prefix .. 'at:' .. id, owner, 'EX', keep)
    redis.call('HSET', prefix .. 'of:' .. owner, id, vector)
    redis.call('EXPIRE', prefix .. 'of:' .. owner, keep)
    redis.call('ZADD', prefix .. 'used', now, id)
    redis.call('EXPIRE', prefix .. 'used', keep)
  end
end
return true
