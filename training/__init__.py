"""Thin: Ray jobs around the loops of ``graphrec``; the only place that imports Ray."""
