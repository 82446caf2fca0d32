"""Stage 2b, FEATURES: one definition, one transform, offline and online."""
