#!/usr/bin/env bash
# A real Neo4j 5.26 on loopback, without root, container or account: Java and Maven are enough.
#
#   deploy/neo4j/neo4j.sh start [--home DIR] [--port N] [--password P]   prints its bolt:// address
#   deploy/neo4j/neo4j.sh stop|status [--home DIR]
#
# The jars (123 MB) are fetched once into ${XDG_CACHE_HOME:-~/.cache}/graphrec/neo4j; the data
# lies under --home (default: data/ beside the jars). It listens on 127.0.0.1 only, and asks for
# a password (user neo4j) where the first start of its home was given one.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
version=5.26.30
cache="${XDG_CACHE_HOME:-$HOME/.cache}/graphrec/neo4j/$version"
home="$cache/data"
port=""
password=""

need() {
  command -v "$1" >/dev/null || {
    echo "neo4j.sh: '$1' is missing. Install it: apt-get install openjdk-17-jre-headless maven" >&2
    exit 3
  }
}

fetch() {
  [[ -f "$cache/complete" ]] && return
  need mvn
  echo "neo4j.sh: fetching Neo4j $version once (123 MB, half a minute)" >&2
  mkdir -p "$cache"
  (
    flock 9
    [[ -f "$cache/complete" ]] && exit 0
    mvn -B -q -f "$here/pom.xml" \
      org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$cache/lib" >&2
    touch "$cache/complete"
  ) 9>"$cache/lock"
}

configure() {
  mkdir -p "$home/conf" "$home/logs"
  local auth=false
  if [[ -n "$password" || -f "$home/conf/has-password" ]]; then auth=true; fi
  cat >"$home/conf/neo4j.conf" <<CONF
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:$port
server.http.enabled=false
server.https.enabled=false
dbms.security.auth_enabled=$auth
dbms.usage_report.enabled=false
server.memory.pagecache.size=256m
internal.server.bolt.thread_pool_shutdown_wait_time=0s
internal.dbms.bolt.netty_server_shutdown_quiet_period=0
internal.dbms.bolt.netty_server_shutdown_timeout=1
CONF
  if [[ -n "$password" && ! -f "$home/conf/has-password" ]]; then
    NEO4J_HOME="$home" NEO4J_CONF="$home/conf" java -cp "$cache/lib/*" \
      org.neo4j.server.startup.Neo4jAdminCommand dbms set-initial-password "$password" >&2
    touch "$home/conf/has-password"
  fi
}

running() { [[ -f "$home/pid" ]] && kill -0 "$(cat "$home/pid")" 2>/dev/null; }

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() {
  need java
  fetch
  if running; then
    cat "$home/url"
    return
  fi
  [[ -n "$port" ]] || port="$(free_port)"
  configure
  # A class archive takes the first query from 10 s after the start to 4. The first stop writes
  # it in half a minute, which a machine that starts Neo4j once, as in CI, would never get back.
  local archive="$cache/neo4j.jsa" share="-XX:-UsePerfData"
  if [[ -f "$archive" ]]; then
    share="-XX:SharedArchiveFile=$archive"
  elif [[ -z "${CI:-}" ]]; then
    share="-XX:ArchiveClassesAtExit=$archive"
  fi
  setsid java -Xms256m "-Xmx${GRAPHREC_NEO4J_HEAP:-1g}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    "$share" -Xshare:auto -cp "$cache/lib/*" org.neo4j.server.CommunityEntryPoint \
    --home-dir="$home" --config-dir="$home/conf" </dev/null >"$home/logs/console.log" 2>&1 &
  echo $! >"$home/pid"
  echo "bolt://127.0.0.1:$port" >"$home/url"
  for _ in $(seq 240); do
    running || {
      echo "neo4j.sh: it ended while starting; see $home/logs/console.log" >&2
      exit 1
    }
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      cat "$home/url"
      return
    fi
    sleep 0.25
  done
  echo "neo4j.sh: no answer within a minute; see $home/logs/console.log" >&2
  exit 1
}

stop() {
  running || { rm -f "$home/pid" "$home/url"; return 0; }
  local pid
  pid="$(cat "$home/pid")"
  kill -TERM "$pid"
  for _ in $(seq 240); do
    running || break
    sleep 0.25
  done
  running && { echo "neo4j.sh: process $pid does not stop" >&2; exit 1; }
  rm -f "$home/pid" "$home/url"
}

command="${1:-}"
shift || true
while [[ $# -gt 0 ]]; do
  case "$1" in
    --home) home="$2"; shift 2 ;;
    --port) port="$2"; shift 2 ;;
    --password) password="$2"; shift 2 ;;
    *) echo "neo4j.sh: '$1' is no option" >&2; exit 2 ;;
  esac
done

case "$command" in
  start) start ;;
  stop) stop ;;
  status) if running; then cat "$home/url"; else echo "not running"; exit 1; fi ;;
  *) sed -n '2,10p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
