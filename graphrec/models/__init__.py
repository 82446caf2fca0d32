"""Stage 3, TRAIN: datasets in, fitted models out."""
