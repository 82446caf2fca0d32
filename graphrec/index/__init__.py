"""Stage 4, INDEX: vectors in, nearest items out."""
