"""The Ray cluster a training runs on: our own on this machine, or one that stands already."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from graphrec.errors import MissingExtraError, TrainingError

OBJECT_STORE_BYTES = 256 * 1024**2
"""Workers read their data from files: the object store carries messages only."""

_QUIET = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else `uv run` has every worker install anew
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    # Ray takes a report of its workers once in so many seconds, and they wait for it: its own
    # 2 s would be the least that an epoch takes.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "1",
    "RAY_worker_register_timeout_seconds": "300",  # a busy machine is slow, not broken
}

_ALONE = {
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # nobody takes this machine away with notice
    "RAY_prestart_worker_first_driver": "0",  # they lack our environment, and would stay idle
}


def require_ray() -> None:
    """Refuse to begin what the extra is needed for.

    Raises:
        MissingExtraError: Ray is not installed, nor then the rest of its extra.
    """
    if find_spec("ray") is None:
        raise MissingExtraError("ray", "train")


@contextmanager
def ray_cluster(num_workers: int, ray_address: str | None, home: Path) -> Iterator[Any]:
    """Start a local Ray, or connect to ``ray_address``, for as long as the context lasts.

    Within an outer context (or after the caller's own ``ray.init``) that one is used.

    Args:
        num_workers: Training workers that must find room.
        ray_address: "host:port" or "auto" of a standing cluster; None: our own. A standing
            cluster's token is taken from the environment (``RAY_AUTH_TOKEN_PATH``).
        home: Folder for our own cluster's token.

    Yields:
        The module ``ray``.

    Raises:
        MissingExtraError: Ray is not installed.
        TrainingError: No cluster could be reached or started.
    """
    require_ray()
    for key, value in (_QUIET if ray_address else _QUIET | _ALONE).items():
        os.environ.setdefault(key, value)
    if ray_address is None:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(_token(home))
    import ray

    if ray.is_initialized():
        yield ray
        return
    try:
        _connect(ray, num_workers, ray_address)
        yield ray
    finally:
        # Ends what this process started, and leaves every other Ray on the machine alone.
        ray.shutdown()


def _connect(ray: Any, num_workers: int, ray_address: str | None) -> None:
    options: dict[str, Any] = {"address": ray_address or "local"}
    if ray_address is None:
        options |= {
            # The driver and Ray's own controller want room beside the workers.
            "num_cpus": max(num_workers + 1, os.cpu_count() or 1),
            "num_gpus": 0,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
    try:
        ray.init(
            **options,
            log_to_driver=bool(os.environ.get("GRAPHREC_RAY_LOGS")),
            logging_level=logging.ERROR,
            runtime_env={"env_vars": _worker_environment(ray_address)},
        )
    except Exception as error:  # of a node that is slow to start Ray raises a bare one
        raise TrainingError(
            f"Ray could not be reached or started: {error}",
            where=ray_address or "local Ray",
            remedy="Check --ray-address and RAY_AUTH_TOKEN_PATH; with neither, Ray starts here, "
            "which a machine that is busy with other work may be too slow for: try again.",
        ) from error


def _worker_environment(ray_address: str | None) -> dict[str, str]:
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if ray_address is None:
        # From a checkout, or from a folder on PYTHONPATH, workers find the same code.
        roots = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(root for root in roots if root)
    return environment


def _token(home: Path) -> Path:
    """A secret of this store's, so that no other user of the machine can hand us work."""
    path = home / "ray-token"
    if not path.is_file():
        home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_hex(32))
    return path
