#!/bin/sh
# Latency of the recommendation route: starts the service on a store, lets wrk walk through
# many learners, ends it, and writes benchmarks/results/serve_wrk.json.
#
#   benchmarks/serve_wrk.sh STORE [SECONDS] [CONNECTIONS]
#
# STORE holds a graph and a champion bundle (graphrec import, graphrec train). Needs wrk
# (Debian: apt install wrk). PYTHON names the interpreter, .venv/bin/python else.
# Two passes once the service says that it is ready: "first", learners who each ask for the
# first time; "again", the same learners from the first on.
set -eu

store=${1:?usage: benchmarks/serve_wrk.sh STORE [SECONDS] [CONNECTIONS]}
seconds=${2:-20}
connections=${3:-8}
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
results=$root/benchmarks/results
work=$(mktemp -d)
service=

stop() {
  [ -z "$service" ] || { kill "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true; }
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

command -v wrk >/dev/null || { echo "wrk is missing: apt install wrk" >&2; exit 1; }

"$python" "$root/benchmarks/serve_learners.py" "$store" >"$work/learners"
export LEARNERS="$work/learners"
echo "$(wc -l <"$LEARNERS") learners, $connections connections, $seconds s a pass" >&2

started=$(date +%s)
OMP_NUM_THREADS=1 "$python" -m graphrec.cli.main serve --store "$store" --port 0 --json \
  >"$work/ready" 2>"$work/log" &
service=$!
waited=0
until "$python" -c 'import json,sys; print(json.load(open(sys.argv[1]))["url"])' \
    "$work/ready" >"$work/url" 2>/dev/null; do
  kill -0 "$service" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
  waited=$((waited + 1))
  [ "$waited" -lt 1200 ] || { echo "the service was not ready in 4 minutes" >&2; exit 1; }
  sleep 0.2
done

ready_after=$(($(date +%s) - started))
for pass in first again; do
  wrk -t1 -c"$connections" -d"${seconds}s" -s "$root/benchmarks/serve_wrk.lua" \
    "$(cat "$work/url")" | tail -n 1 >"$work/$pass"
  echo "$pass: $(cat "$work/$pass")" >&2
done

mkdir -p "$results"
"$python" - "$work" "$connections" "$ready_after" >"$results/serve_wrk.json" <<'PYTHON'
import json, os, platform, sys
from pathlib import Path

work, connections = Path(sys.argv[1]), int(sys.argv[2])
ready = json.loads((work / "ready").read_text())
print(json.dumps({
    "command": "benchmarks/serve_wrk.sh STORE",
    "connections": connections,
    "learners": sum(1 for _ in (work / "learners").open()),
    "courses": ready["num_courses"],
    "bundle": ready["bundle"],
    "graph": ready["graph"],
    "cpus": os.cpu_count(),
    "python": platform.python_version(),
    "ready_after_s": int(sys.argv[3]),
    "passes": {name: json.loads((work / name).read_text()) for name in ("first", "again")},
}, indent=2))
PYTHON
cat "$results/serve_wrk.json"
