"""Routes: HTTP only; the answers come from ``graphrec``."""
