"""What has to happen in Redis at once: the Lua scripts that change a job. Times are those of Redis, in seconds.

A chunk of a job is *due* at a time: it is sent to a worker now, and again at that time where its result isn't there by
then. A worker that begins it moves that time; a chunk whose result is written is due no more. At most ``window`` chunks
of a job are due, so that jobs take turns in the queue.

Scripts of workers run beyond Redis' memory limit too: they are those that free memory. Redis 7 or newer knows the flag.
"""

_NOW = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
"""
_BEYOND_LIMIT = "#!lua flags=allow-oom\n"

# Gives the numbers of the chunks to send: those over their time, and new ones up to the window.
_CLAIM = """
local function claim(job, due, window, lease)
  local found = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, window)
  local head = redis.call('HMGET', job, 'next', 'chunks', 'expires')
  local next, chunks = tonumber(head[1]), tonumber(head[2])
  local room = window - redis.call('ZCARD', due)
  local first = next
  while room > 0 and next < chunks do
    table.insert(found, tostring(next))
    next = next + 1
    room = room - 1
  end
  if next ~= first then redis.call('HSET', job, 'next', next) end
  for _, chunk in ipairs(found) do redis.call('ZADD', due, now + lease, chunk) end
  if #found > 0 then redis.call('EXPIREAT', due, math.ceil(tonumber(head[3]))) end
  return found
end
local function is_open(job)
  local state = redis.call('HGET', job, 'state')
  return state == 'queued' or state == 'running'
end
"""

# Makes a job of its stored items, unless its Idempotency-Key stands for one already.
# KEYS: job, items, owner's jobs, idempotency key, open jobs, due
# ARGV: id, seconds to live, window, lease, whether there is an idempotency key, then the record's fields and values
CREATE = (
    _NOW
    + _CLAIM
    + """
local id, ttl = ARGV[1], tonumber(ARGV[2])
if ARGV[5] == '1' then
  local former = redis.call('GET', KEYS[4])
  if former then return {former} end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return {id} end  -- sent twice, since the first answer was lost
local fields = {'created', tostring(now), 'expires', tostring(now + ttl)}
for i = 6, #ARGV do table.insert(fields, ARGV[i]) end
redis.call('HSET', KEYS[1], unpack(fields))
local at = math.ceil(now + ttl)
redis.call('EXPIREAT', KEYS[1], at)
redis.call('EXPIREAT', KEYS[2], at)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
redis.call('ZADD', KEYS[3], now + ttl, id)
redis.call('EXPIREAT', KEYS[3], at, 'NX')
redis.call('EXPIREAT', KEYS[3], at, 'GT')
redis.call('ZADD', KEYS[5], now, id)
redis.call('EXPIREAT', KEYS[5], at, 'NX')
redis.call('EXPIREAT', KEYS[5], at, 'GT')
if ARGV[5] == '1' then redis.call('SET', KEYS[4], id, 'EXAT', at) end
local answer = claim(KEYS[1], KEYS[6], tonumber(ARGV[3]), tonumber(ARGV[4]))
table.insert(answer, 1, id)
return answer
"""
)

# Moves the time at which queued chunks are sent again, once they are in the queue.
# KEYS: due   ARGV: lease, chunks
SENT = (
    _BEYOND_LIMIT
    + _NOW
    + """
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[1]), ARGV[i]) end
return 0
"""
)

# Gives the chunks of a job that have to be sent; none where the job is no longer open. Where the queue is empty, chunks
# that were sent a while ago and never begun have lost their messages, and are among them.
# KEYS: job, due, open jobs, attempts   ARGV: id, window, lease, whether the queue is empty, latest time of those chunks
CLAIM = (
    _BEYOND_LIMIT
    + _NOW
    + _CLAIM
    + """
if not is_open(KEYS[1]) then
  redis.call('ZREM', KEYS[3], ARGV[1])
  return {}
end
if ARGV[4] == '1' then
  -- Before that time lie those that are only being sent.
  for _, chunk in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], now + tonumber(ARGV[3]), now + tonumber(ARGV[5]))) do
    if not redis.call('HGET', KEYS[4], chunk) then redis.call('ZADD', KEYS[2], now, chunk) end
  end
end
return claim(KEYS[1], KEYS[2], tonumber(ARGV[2]), tonumber(ARGV[3]))
"""
)

# Begins a chunk: says 'gone', 'done' or 'run', with the items, the number of the attempt, and the suspects (`SUSPECT`).
# KEYS: job, due, attempts, results, items   ARGV: chunk, lease
BEGIN = (
    _BEYOND_LIMIT
    + _NOW
    + _CLAIM
    + """
if not is_open(KEYS[1]) then return {'gone'} end
if redis.call('HEXISTS', KEYS[4], ARGV[1]) == 1 then return {'done'} end
local items = redis.call('HGET', KEYS[5], ARGV[1])
if not items then return {'gone'} end
local attempt = redis.call('HINCRBY', KEYS[3], ARGV[1], 1)
local at = math.ceil(tonumber(redis.call('HGET', KEYS[1], 'expires')))
redis.call('EXPIREAT', KEYS[3], at)
if redis.call('HSETNX', KEYS[1], 'started', tostring(now)) == 1 then redis.call('HSET', KEYS[1], 'state', 'running') end
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[2]), ARGV[1])
redis.call('EXPIREAT', KEYS[2], at)
return {'run', items, attempt, redis.call('HGET', KEYS[3], 'suspects:' .. ARGV[1]) or ''}
"""
)

# Writes a chunk's results, unless they are there already, and gives the chunks to send next.
# KEYS: job, due, attempts, results, items, open jobs, webhooks, counts
# ARGV: id, chunk, answered items, failed items, results, window, lease, life of the counts, then the failures' kinds
# and numbers
FINISH = (
    _BEYOND_LIMIT
    + _NOW
    + _CLAIM
    + """
if not is_open(KEYS[1]) then return {} end
redis.call('HDEL', KEYS[5], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[2])
if redis.call('HSETNX', KEYS[4], ARGV[2], ARGV[5]) == 1 then
  local at = math.ceil(tonumber(redis.call('HGET', KEYS[1], 'expires')))
  redis.call('EXPIREAT', KEYS[4], at)
  redis.call('HDEL', KEYS[3], ARGV[2], 'since:' .. ARGV[2], 'suspects:' .. ARGV[2])
  local done = redis.call('HINCRBY', KEYS[1], 'done', ARGV[3])
  local failed = redis.call('HINCRBY', KEYS[1], 'failed', ARGV[4])
  redis.call('HINCRBY', KEYS[8], 'answered', ARGV[3])
  for i = 9, #ARGV, 2 do redis.call('HINCRBY', KEYS[8], 'failed:' .. ARGV[i], ARGV[i + 1]) end
  redis.call('EXPIRE', KEYS[8], ARGV[8])
  if done + failed >= tonumber(redis.call('HGET', KEYS[1], 'total')) then
    redis.call('HSET', KEYS[1], 'state', done > 0 and 'done' or 'failed', 'finished', tostring(now))
    redis.call('ZREM', KEYS[6], ARGV[1])
    redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[5])
    if redis.call('HEXISTS', KEYS[1], 'webhook') == 1 then
      redis.call('ZADD', KEYS[7], now, ARGV[1])
      redis.call('EXPIREAT', KEYS[7], at, 'NX')
      redis.call('EXPIREAT', KEYS[7], at, 'GT')
    end
    return {}
  end
end
return claim(KEYS[1], KEYS[2], tonumber(ARGV[6]), tonumber(ARGV[7]))
"""
)

# Gives a chunk back for later; the attempt doesn't count. Gives the seconds since the chunk was first given back, which
# is also the pause, within the bounds.
# KEYS: job, due, attempts   ARGV: chunk, shortest and longest pause
GIVE_BACK = (
    _BEYOND_LIMIT
    + _NOW
    + _CLAIM
    + """
if not is_open(KEYS[1]) then return '0' end
redis.call('HSETNX', KEYS[3], 'since:' .. ARGV[1], tostring(now))
redis.call('HINCRBY', KEYS[3], ARGV[1], -1)
local since = math.max(0, now - tonumber(redis.call('HGET', KEYS[3], 'since:' .. ARGV[1])))
local pause = math.min(math.max(since, tonumber(ARGV[2])), tonumber(ARGV[3]))
redis.call('ZADD', KEYS[2], now + pause, ARGV[1])
return tostring(since)
"""
)

# Notes the items of a chunk whose processes ended, and the one that is begun now.
# KEYS: job, attempts   ARGV: chunk, their indexes
SUSPECT = (
    _BEYOND_LIMIT
    + _CLAIM
    + """
if is_open(KEYS[1]) and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[2], 'suspects:' .. ARGV[1], ARGV[2])
end
return 0
"""
)

# Ends an open job as cancelled; 1 where it did.
# KEYS: job, due, attempts, items, open jobs, webhooks   ARGV: id
CANCEL = (
    _BEYOND_LIMIT
    + _NOW
    + _CLAIM
    + """
if not is_open(KEYS[1]) then return 0 end
redis.call('HSET', KEYS[1], 'state', 'cancelled', 'finished', tostring(now))
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
if redis.call('HEXISTS', KEYS[1], 'webhook') == 1 then
  local at = math.ceil(tonumber(redis.call('HGET', KEYS[1], 'expires')))
  redis.call('ZADD', KEYS[6], now, ARGV[1])
  redis.call('EXPIREAT', KEYS[6], at, 'NX')
  redis.call('EXPIREAT', KEYS[6], at, 'GT')
end
return 1
"""
)

# Gives the webhooks that are due, and moves them to a later time.
# KEYS: webhooks   ARGV: lease
DUE_WEBHOOKS = (
    _BEYOND_LIMIT
    + _NOW
    + """
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)
for _, id in ipairs(found) do redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), id) end
return found
"""
)

# Notes how a webhook went, and when it is sent again; a job that has expired meanwhile stays gone.
# KEYS: job, webhooks   ARGV: id, state, attempts, seconds until the next one or nothing
NOTE_WEBHOOK = (
    _BEYOND_LIMIT
    + _NOW
    + """
local is_there = redis.call('EXISTS', KEYS[1]) == 1
if is_there then redis.call('HSET', KEYS[1], 'webhook_state', ARGV[2], 'webhook_attempts', ARGV[3]) end
if is_there and ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[2], 'XX', now + tonumber(ARGV[4]), ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return 0
"""
)

# Sums up the open jobs: how many are queued and running, items without an outcome, seconds since the oldest was made,
# and workers that live. Where jobs have expired among the open ones, they are left out.
# KEYS: open jobs, workers   ARGV: most jobs to look at, seconds after which a silent worker counts as dead
FIGURES = (
    "#!lua flags=no-writes\n"
    + _NOW
    + """
local queued, running, waiting, oldest = 0, 0, 0, 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)) do
  local job = redis.call('HMGET', 'jobs:job:' .. id, 'state', 'total', 'done', 'failed', 'created')
  if job[1] == 'queued' or job[1] == 'running' then
    if job[1] == 'queued' then queued = queued + 1 else running = running + 1 end
    waiting = waiting + tonumber(job[2]) - tonumber(job[3]) - tonumber(job[4])
    oldest = math.max(oldest, now - tonumber(job[5]))
  end
end
return {queued, running, waiting, tostring(oldest), redis.call('ZCOUNT', KEYS[2], now - tonumber(ARGV[2]), '+inf')}
"""
)
