"""The knob between accuracy and novelty: what everybody takes can be asked to stand back."""

from __future__ import annotations

import numpy as np

from graphrec.models.blend import Candidates, standardise


def demote_popular(
    scores: np.ndarray, candidates: Candidates, popularity: np.ndarray, weight: float
) -> np.ndarray:
    """Blended scores less ``weight`` times the standardised log-popularity.

    ``score'_i = score_i - weight * z_i``, where ``z`` is ``log(1 + popularity)`` with mean 0
    and deviation 1 over the learner's candidates, as every part of the blend is: a weight is
    to be read beside theirs. At 0, the default everywhere, nothing changes.

    Args:
        scores: float32 [nnz], of the blend.
        candidates: Of n learners.
        popularity: float or int [num_items], learners who took each item.
        weight: 0 or more; below 0 what is popular is preferred.

    Returns:
        float32 [nnz].
    """
    if weight == 0:
        return scores
    logs = np.log1p(np.asarray(popularity, np.float64))[candidates.items, None]
    return np.asarray(scores - weight * standardise(logs, candidates)[:, 0], np.float32)
