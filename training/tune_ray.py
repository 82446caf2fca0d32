"""The two places where Ray Tune calls us: whether a trial goes on, and what has happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.tune import Callback
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from training.tune_trial import BEST, EPOCH

if TYPE_CHECKING:
    from training.tune import Register, Trial, Watch

_NUM_GRACES = 8
"""A trial is not judged before it has this part of its epochs behind it."""


def number_of(trial: Any) -> int:
    """Number of a trial of Ray's, from 1, in the order they were drawn."""
    return int(trial.trial_id.rpartition("_")[2]) + 1


class KeepFirst(ASHAScheduler):
    """ASHA that lets the first trial, the default, run to its end."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Whether a trial goes on after an epoch."""
        action: str = super().on_trial_result(tune_controller, trial, result)
        return TrialScheduler.CONTINUE if number_of(trial) == 1 else action


def scheduler(max_epochs: int, reduction: int) -> KeepFirst:
    """ASHA by epochs, on the best validation so far."""
    grace = max(1, round(max_epochs / _NUM_GRACES))
    return KeepFirst(
        time_attr=EPOCH,
        metric=BEST,
        mode="max",
        max_t=max_epochs,
        grace_period=grace,
        reduction_factor=reduction,
    )


class Follower(Callback):
    """Keeps what trials report, and passes it on to whoever watches."""

    def __init__(
        self,
        register: Register,
        watch: Watch | None,
        max_epochs: int,
    ) -> None:
        """Take up the book that trials are kept in."""
        self._register, self._watch, self._max_epochs = register, watch, max_epochs

    def __reduce__(self) -> tuple[type[Callback], tuple[()]]:
        """Ray notes its settings down in case it is to restore them; this is not for noting."""
        return Callback, ()

    def _trial(self, trial: Any) -> Trial:
        return self._register(number_of(trial), dict(trial.config))

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any
    ) -> None:
        """An epoch: of a trial that starts again it may be an old one."""
        kept = self._trial(trial)
        kept.epochs = max(kept.epochs, int(result[EPOCH]))
        if result[BEST] > kept.metrics.get("ndcg@10", -1.0):
            kept.metrics = {key: float(result[key]) for key in ("recall@10", "ndcg@10")}
            kept.best_epoch = int(result[EPOCH])
        if self._watch is not None and not result["is_old"]:
            self._watch(kept, int(result[EPOCH]), self._max_epochs, result)

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """A trial that failed for good."""
        kept = self._trial(trial)
        kept.status = "failed"
        lines = (trial.get_error() or "").strip().splitlines()
        kept.error = lines[-1] if lines else "its worker was lost"
