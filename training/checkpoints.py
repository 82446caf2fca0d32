"""Where the parts of a distributed checkpoint stand, declared once.

::

    run_dir/                         one training: model, dataset, config and workers fixed
      ray/<run name>/                Ray Train's own storage
        checkpoint_<time>/           the newest two
          rank-0/ rank-1/ ...        what each worker wrote, see graphrec.models.training
            run.safetensors          weights, moments, random state of this rank
            best.safetensors         the best model so far and its weights, whole on every rank
            state.json               epoch, metrics, whether training is over
      result/<run name>/             best.safetensors and state.json of a finished training
"""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel
from safetensors.numpy import load_file

from graphrec.models.fitting import model_type
from graphrec.models.training import Outcome, TrainingState, has_checkpoint

NUM_KEPT = 2


def rank_folder(checkpoint: Path, rank: int) -> Path:
    """Where a rank's state stands within a checkpoint."""
    return checkpoint / f"rank-{rank}"


def storage_folder(run_dir: Path) -> Path:
    """Ray Train's storage of a training."""
    return run_dir / "ray"


def run_name(name: str, config: BaseModel, dataset_dir: Path, num_workers: int) -> str:
    """A name that changes with all that a checkpoint depends on.

    Ray resumes a run by its name; a rank's state fits only the same model, config, data
    and number of workers.
    """
    digest = sha256(config.model_dump_json().encode())
    for path in sorted(dataset_dir.iterdir()):
        digest.update(path.name.encode() + sha256(path.read_bytes()).digest())
    return f"{name}-{num_workers}-{digest.hexdigest()[:12]}"


def read_outcome(name: str, folder: Path) -> Outcome:
    """The model and state that a finished rank left in ``folder``."""
    state = TrainingState(**json.loads((folder / "state.json").read_text()))
    return Outcome.of(model_type(name), load_file(folder / "best.safetensors"), state)


def finished_outcome(name: str, run_dir: Path, key: str) -> Outcome | None:
    """What an earlier call with the same key ended with, or None."""
    folder = run_dir / "result" / key
    return read_outcome(name, folder) if has_checkpoint(folder) else None


def keep_outcome(name: str, checkpoint: Path, run_dir: Path, key: str) -> Outcome:
    """Keep the last checkpoint's model as the training's result, and read it."""
    target = run_dir / "result" / key
    temporary = target.with_suffix(".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(rank_folder(checkpoint, 0), temporary)
    (temporary / "run.safetensors").unlink()
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)
    return read_outcome(name, target)
