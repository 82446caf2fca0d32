"""Stage 5, SERVE: histories in, recommendations, reasons and learning paths out."""
