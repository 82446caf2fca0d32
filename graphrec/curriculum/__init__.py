"""Beside the rules: a curriculum as reviewable text, and edits of the graph from it."""
