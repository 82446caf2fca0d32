"""RecTools' side of ``rivals.py``: its SASRecModel with its own defaults, loop and data.

    ENVIRONMENT/bin/python rivals_rectools.py SASRec TASK.npz FOLDER SECONDS EVERY SEED

Runs in RecTools' environment. Lightning trains; a callback takes the laps after a step.
"""

from __future__ import annotations

import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rivals_clock import BudgetSpentError, Stopwatch, rows_of

torch.set_num_threads(1)

_CHUNK = 512
_SAID = [
    "n_blocks",
    "n_heads",
    "n_factors",
    "session_max_len",
    "dropout_rate",
    "loss",
    "lr",
    "batch_size",
]


def interactions(task: Any) -> Any:
    """The training pairs as RecTools' data set; the place in a history is the time."""
    import pandas as pd
    from rectools import Columns
    from rectools.dataset import Dataset

    indptr, items = task["indptr"], task["items"]
    owners = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    places = np.arange(len(items)) - indptr[:-1][owners]
    frame = pd.DataFrame(
        {
            Columns.User: owners,
            Columns.Item: items,
            Columns.Weight: 1.0,
            Columns.Datetime: pd.Timestamp("2000-01-01") + pd.to_timedelta(places, unit="s"),
        }
    )
    return Dataset.construct(frame)


@torch.no_grad()
def vectors(net: Any, preparator: Any, task: Any) -> tuple[np.ndarray, np.ndarray]:
    """Session vectors of the histories asked, and the item table."""
    net.eval()
    numbers = preparator.item_id_map.to_internal  # its padding has a number too
    columns = numbers.reindex(range(int(task["num_items"]))).fillna(0).to_numpy(np.int64)
    max_len = preparator.session_max_len
    rows, lengths = rows_of(task["input_indptr"], task["input_items"], max_len)
    right = np.where(rows >= 0, columns[rows], 0)
    padded = np.zeros_like(right)  # it pads on the left
    for row, length in enumerate(lengths):
        padded[row, max_len - length :] = right[row, :length]
    inputs = torch.from_numpy(padded)
    table = net.item_model.get_all_embeddings()
    parts = [
        net.encode_sessions({"x": inputs[i : i + _CHUNK]}, table)[:, -1]
        for i in range(0, len(inputs), _CHUNK)
    ]
    net.train()
    return torch.cat(parts).numpy(), table[columns].numpy()


def main() -> None:
    """Train until the seconds are spent."""
    _, path, folder, seconds, every, seed = sys.argv[1:]
    watch = Stopwatch(Path(folder).resolve(), float(seconds), float(every))
    task = dict(np.load(path))
    warnings.simplefilter("ignore")
    import pytorch_lightning
    import rectools
    from rectools.models import SASRecModel

    begun = time.process_time()
    data = interactions(task)
    pytorch_lightning.seed_everything(int(seed))

    class Laps(pytorch_lightning.Callback):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            watch.say(
                version=rectools.__version__,
                torch=torch.__version__,
                preparation_s=round(time.process_time() - begun, 1),
                steps_per_epoch=trainer.num_training_batches,
                config={key: getattr(model, key) for key in _SAID},
            )
            watch.start()

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            net, preparator = pl_module.torch_model, pl_module.data_preparator
            watch.step(lambda: vectors(net, preparator, task))

    def trainer() -> Any:
        return pytorch_lightning.Trainer(
            accelerator="cpu",
            max_epochs=100_000,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[Laps()],
        )

    model = SASRecModel(get_trainer_func=trainer)
    with suppress(BudgetSpentError):
        model.fit(data)


if __name__ == "__main__":
    main()
