"""The demonstration academy: a hand-written catalogue in the native layout, as CSV."""
