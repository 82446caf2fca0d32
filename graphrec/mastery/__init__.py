"""Stage 3, TRAIN: how well learners hold skills, from what they did, with decay over time."""
