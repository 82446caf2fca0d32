"""``--config FILE`` of the commands that train: what is changed of which model, told in a line."""

from __future__ import annotations

from pathlib import Path

from graphrec.cli.progress import StepLog
from graphrec.models.config_file import ConfigFile, Fields, read_config


def read_configs(path: Path | None, log: StepLog, *, seed: int | None = None) -> dict[str, Fields]:
    """Changed fields by model; none without a file.

    Args:
        path: What ``graphrec tune`` wrote, or a person.
        log: Told what is taken from it.
        seed: Of the split that is tested on; None: nothing is tested.

    Raises:
        SourceError: The file cannot be read.
        ParameterError: A model, field or value in it is wrong.
    """
    found: ConfigFile = {} if path is None else read_config(path)
    for name, tuned in found.items():
        fields = ", ".join(f"{key} {value}" for key, value in tuned.config.items())
        log(f"{name}: {fields or 'the default configuration'} ({path})")
        if seed is not None and tuned.seed not in (None, seed):
            log(
                f"{name}: tuned with --seed {tuned.seed}; where the order of events is unknown "
                f"--seed {seed} cuts other test items off, which the tuning may have seen"
            )
    return {name: tuned.config for name, tuned in found.items()}
