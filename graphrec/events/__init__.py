"""Stage 1, EVENTS: sources in, validated native tables out, the rest to quarantine."""
