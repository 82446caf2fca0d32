#!/bin/sh
# Fetches the graph-drawing libraries of the curriculum page, in the versions that it was tested with.
set -eu
target=$(cd "$(dirname "$0")/../../serving/curriculum/static/vendor" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch() { # NAME VERSION
  (cd "$work" && npm pack --silent "$1@$2" >/dev/null && tar xzf "$1-$2.tgz")
  cp "$work/package/dist/$1.min.js" "$target/$1.min.js"
  cp "$work/package/LICENSE" "$target/$1.LICENSE.txt"
  rm -rf "$work/package"
  echo "$1 $2"
}
fetch cytoscape 3.34.4
fetch cytoscape-dagre 4.0.1
