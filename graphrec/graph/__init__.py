"""Stage 2, GRAPH: native tables in, a property graph, query answers and snapshots out."""
