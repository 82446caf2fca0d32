"""Thin: the FastAPI service around ``graphrec``; the only place that imports FastAPI."""
