-- Posts the bodies in BENCH_BODIES (files 000, 001, …) in turn; with BENCH_RATE at that many requests a second.
-- At the end prints one line of JSON that bench/wrk.py reads.
local requests, turn = {}, 0

function init()
  wrk.method = "POST"
  for name, value in os.getenv("BENCH_HEADERS"):gmatch("([^:;]+):([^;]+)") do wrk.headers[name] = value end
  local number = 0
  while true do
    local file = io.open(string.format("%s/%03d", os.getenv("BENCH_BODIES"), number), "rb")
    if not file then break end
    requests[number] = wrk.format(nil, nil, nil, file:read("*a"))
    file:close()
    number = number + 1
  end
end

function request()
  turn = (turn + 1) % (#requests + 1)
  return requests[turn]
end

local rate = tonumber(os.getenv("BENCH_RATE") or "")
if rate then
  -- One schedule for all connections of the thread: a free connection takes the next departure, however long earlier
  -- answers took (open loop). Departures are a Poisson process. One that found every connection busy is counted as late.
  local ffi = require("ffi")
  ffi.cdef [[ typedef struct { long s; long ns; } bench_time; int clock_gettime(int, bench_time *); ]]
  local now_c = ffi.new("bench_time")
  local function now()
    ffi.C.clock_gettime(1, now_c)
    return tonumber(now_c.s) + tonumber(now_c.ns) / 1e9
  end
  math.randomseed(1)
  local departure = nil
  departures, late = 0, 0
  function delay()
    local t = now()
    departure = (departure or t) - math.log(1 - math.random()) / rate
    departures = departures + 1
    if departure < t - 0.002 then late = late + 1 end
    return math.max(0, math.floor((departure - t) * 1000 + 0.5))
  end
end

local thread = nil
function setup(one) thread = one end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "duration_us": %d, "status": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d, ' ..
    '"p50_us": %d, "p90_us": %d, "p99_us": %d, "max_us": %d, "departures": %d, "late": %d}',
    summary.requests, summary.duration, errors.status, errors.connect, errors.read, errors.write, errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max,
    thread:get("departures") or 0, thread:get("late") or 0))
end
