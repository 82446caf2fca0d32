-- Walks through learner ids from a file (LEARNERS, one percent-encoded id a line) and prints
-- the result as one JSON line. For one thread of wrk.

local k = os.getenv("K") or "10"
local ids = {}
local at = 0
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  for line in io.lines(os.getenv("LEARNERS")) do
    ids[#ids + 1] = line
  end
  not_ok = 0
end

function request()
  at = at % #ids + 1
  return wrk.format("GET", "/v1/learners/" .. ids[at] .. "/recommendations?k=" .. k)
end

function response(status, headers, body)
  if status ~= 200 then
    not_ok = not_ok + 1
  end
end

function done(summary, latency, requests)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.timeout
  for _, thread in ipairs(threads) do
    failed = failed + thread:get("not_ok")
  end
  io.write(string.format(
    '{"requests": %d, "failed": %d, "seconds": %.2f, "requests_per_s": %.1f, '
      .. '"mean_ms": %.2f, "p50_ms": %.2f, "p90_ms": %.2f, "p99_ms": %.2f, "max_ms": %.2f}\n',
    summary.requests, failed, summary.duration / 1e6, summary.requests / (summary.duration / 1e6),
    latency.mean / 1e3, latency:percentile(50) / 1e3, latency:percentile(90) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3))
end
