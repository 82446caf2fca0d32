"""The page for curriculum designers: its files, and the graph that it draws."""
