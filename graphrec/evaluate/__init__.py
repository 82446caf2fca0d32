"""Metrics and protocols: what a model is worth."""
