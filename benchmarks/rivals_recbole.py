"""RecBole's side of ``rivals.py``: its own models, data sets, trainer loop and defaults.

    ENVIRONMENT/bin/python rivals_recbole.py LightGCN|SASRec TASK.npz FOLDER SECONDS EVERY SEED

Runs in RecBole's environment. Training goes through ``Trainer._train_epoch``; the laps are
taken between two of its batches.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rivals_clock import BudgetSpentError, Stopwatch, rows_of

torch.set_num_threads(1)

_CHUNK = 512
_SHARED = {
    "USER_ID_FIELD": "user_id",
    "ITEM_ID_FIELD": "item_id",
    "TIME_FIELD": "timestamp",
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "use_gpu": False,
    "show_progress": False,
    "state": "WARNING",
}
_GENERAL = {"eval_args": {"split": {"RS": [1, 0, 0]}, "group_by": "none", "order": "RO"}}
_SEQUENTIAL = {
    "eval_args": {"split": {"RS": [1, 0, 0]}, "group_by": "none", "order": "TO"},
    # Its softmax over all items draws no negatives; RecBole asks to be told so.
    "train_neg_sample_args": None,
}
_SAID = [
    "embedding_size",
    "n_layers",
    "reg_weight",
    "hidden_size",
    "inner_size",
    "n_heads",
    "hidden_dropout_prob",
    "attn_dropout_prob",
    "loss_type",
    "MAX_ITEM_LIST_LENGTH",
    "train_batch_size",
    "learning_rate",
    "learner",
]


class Timed:
    """RecBole's loader, which tells the stopwatch of each step."""

    def __init__(self, loader: Any, after_step: Any) -> None:
        self._loader, self._after_step = loader, after_step

    def __iter__(self) -> Iterator[Any]:
        is_first = True
        for batch in self._loader:
            if not is_first:
                self._after_step()
            is_first = False
            yield batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def write_interactions(task: Any, folder: Path) -> None:
    """The training pairs as RecBole's atomic file; the place in a history is the time."""
    indptr, items = task["indptr"], task["items"]
    owners = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    places = np.arange(len(items)) - indptr[:-1][owners]
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(
        folder / f"{folder.name}.inter",
        np.stack([owners, items, places], axis=1),
        fmt="%d",
        delimiter="\t",
        header="user_id:token\titem_id:token\ttimestamp:float",
        comments="",
    )


def prepare(name: str, task: Any, folder: Path, seed: int) -> tuple[Any, Any, Any, Any]:
    """Config, training data, loader and trainer, all by RecBole."""
    from recbole.config import Config
    from recbole.data import create_dataset
    from recbole.data.utils import create_samplers, get_dataloader
    from recbole.utils import get_model, get_trainer, init_seed

    write_interactions(task, folder / "data" / "pairs")
    os.chdir(folder)  # it writes logs and checkpoints where it stands
    own = _SEQUENTIAL if name == "SASRec" else _GENERAL
    told = _SHARED | own | {"data_path": str(folder / "data"), "seed": seed}
    sys.argv = sys.argv[:1]  # it reads the command line too
    config = Config(model=name, dataset="pairs", config_dict=told)
    init_seed(seed, config["reproducibility"])
    dataset = create_dataset(config)
    built = dataset.build()
    sampler, *_ = create_samplers(config, dataset, built)
    loader = get_dataloader(config, "train")(config, built[0], sampler, shuffle=config["shuffle"])
    init_seed(seed, config["reproducibility"])
    model = get_model(name)(config, built[0]).to(config["device"])
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
    return config, built[0], loader, trainer


def ids_of(dataset: Any, field: str, count: int) -> np.ndarray:
    """RecBole's number of each of ours, int64 [count]; 0, its padding, where it has none."""
    known = dataset.field2token_id[field]
    return np.asarray([known.get(str(i), 0) for i in range(count)], np.int64)


@torch.no_grad()
def graph_vectors(model: Any, dataset: Any, task: Any) -> tuple[np.ndarray, np.ndarray]:
    """Propagated vectors of the learners asked and of all items."""
    model.eval()
    learners, items = model.forward()
    rows = ids_of(dataset, "user_id", len(task["indptr"]) - 1)[task["asked"]]
    columns = ids_of(dataset, "item_id", int(task["num_items"]))
    model.train()
    return learners[rows].numpy(), items[columns].numpy()


@torch.no_grad()
def sequence_vectors(model: Any, dataset: Any, task: Any) -> tuple[np.ndarray, np.ndarray]:
    """Session vectors of the histories asked, and the item table."""
    model.eval()
    columns = ids_of(dataset, "item_id", int(task["num_items"]))
    rows, lengths = rows_of(task["input_indptr"], task["input_items"], model.max_seq_length)
    inputs = torch.from_numpy(np.where(rows >= 0, columns[rows], 0))
    lengths = torch.from_numpy(lengths)
    parts = [
        model.forward(inputs[i : i + _CHUNK], lengths[i : i + _CHUNK])
        for i in range(0, len(inputs), _CHUNK)
    ]
    model.train()
    return torch.cat(parts).numpy(), model.item_embedding.weight[columns].numpy()


def main() -> None:
    """Train until the seconds are spent."""
    name, path, folder, seconds, every, seed = sys.argv[1:]
    watch = Stopwatch(Path(folder).resolve(), float(seconds), float(every))
    task = dict(np.load(path))
    import recbole

    begun = time.process_time()
    config, dataset, loader, trainer = prepare(name, task, watch.folder, int(seed))
    watch.say(
        version=recbole.__version__,
        torch=torch.__version__,
        preparation_s=round(time.process_time() - begun, 1),
        steps_per_epoch=len(loader),
        config={key: config[key] for key in _SAID if config[key] is not None},
    )
    make = sequence_vectors if name == "SASRec" else graph_vectors

    def after_step() -> None:
        watch.step(lambda: make(trainer.model, dataset, task))

    timed, epoch = Timed(loader, after_step), 0
    watch.start()
    try:
        while True:
            trainer._train_epoch(timed, epoch)  # the loop that its fit() runs
            after_step()
            epoch += 1
    except BudgetSpentError:
        pass


if __name__ == "__main__":
    main()
