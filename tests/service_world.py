"""A small academy in a real embedded graph, and a real server around it, for service tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import uvicorn
from fastapi import FastAPI

from graphrec.bundle import BundleStore
from graphrec.features.dataset import dataset_from_tables
from graphrec.graph.store import GraphStore, open_store
from graphrec.models.blend import Blend
from graphrec.models.itemknn import ItemKNNModel
from graphrec.models.popularity import PopularityModel
from graphrec.recommend.model_io import TrainedPipeline, write_pipeline
from graphrec.recommend.pipeline import Pipeline
from graphrec.schema import TABLES
from graphrec.settings import Settings

ODD_COURSE = "C_course-v1:TsinghuaX+30240184_2X+sp/a?b#c%2F é"
"""An id with everything that a path or a query could misread."""
ODD_LEARNER = "U/1 +&?=%"

_T0 = 1_700_000_000_000
_ROWS: dict[str, list[dict[str, Any]]] = {
    "courses": [
        {"course_id": f"C{i:02d}", "title": f"Course {i}", "level": "1", "hours": float(i + 1)}
        | {"language": "en" if i % 2 else "de", "provider": "academy"}
        for i in range(20)
    ]
    + [
        {"course_id": ODD_COURSE, "title": "An odd id", "hours": 3.0, "language": "en"},
        {"course_id": "HIDDEN", "title": "Not shown", "hidden": True},
    ],
    "skills": [{"skill_id": f"S{i}", "name": f"Skill {i}"} for i in range(6)],
    "roles": [{"role_id": "R/1", "name": "Analyst"}],
    "learners": [{"learner_id": ODD_LEARNER, "target_role_id": "R/1"}],
    "teaches": [
        {"course_id": f"C{i:02d}", "skill_id": f"S{i % 6}", "level": 1.0} for i in range(18)
    ]
    + [{"course_id": ODD_COURSE, "skill_id": "S1", "level": 1.0}],
    "requires": [
        {"course_id": "C05", "requires_course_id": "C04"},
        {"course_id": "C04", "requires_course_id": "C03"},
        {"course_id": ODD_COURSE, "requires_course_id": "C00"},
    ],
    "skill_prerequisites": [{"skill_id": "S2", "requires_skill_id": "S1"}],
    "needs": [
        {"role_id": "R/1", "skill_id": s, "level": 1.0, "essential": True} for s in ("S1", "S2")
    ],
    "interactions": [
        {"learner_id": f"L{i}", "course_id": f"C{c:02d}", "type": "completed", "at": _T0 + 1000 * c}
        for i in range(40)
        for c in range(i % 3, 10, 1 + i % 4)
    ]
    + [{"learner_id": ODD_LEARNER, "course_id": "C00", "type": "completed", "at": _T0}],
}


def build_world(settings: Settings) -> None:
    """Write the academy into the store that the settings name."""
    with open_store(settings) as store:
        write_world(store)


def write_world(store: GraphStore) -> None:
    """Write the academy into an open store."""
    for name, spec in TABLES.items():
        if rows := _ROWS.get(name):
            full = [{column: row.get(column) for column in spec.schema.names} for row in rows]
            store.write(name, pa.Table.from_pylist(full, schema=spec.schema))


@contextmanager
def listening(app: FastAPI, **client_options: Any) -> Iterator[httpx.Client]:
    """The app behind a real server on a free port of this process, and a client of it."""
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="on")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started, "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, **client_options) as client:
        yield client
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive(), "the server did not end"


class ServeProcess:
    """``graphrec serve`` as a process of its own."""

    def __init__(self, store: Path, *arguments: str, **environment: str) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - a pipe nobody reads would fill
        self.process = subprocess.Popen(
            [*graphrec_command(), "serve", "--store", str(store), "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
        self.ready = self._announced()
        self.client = httpx.Client(base_url=self.ready["url"], timeout=30)

    def _announced(self) -> dict[str, Any]:
        """The indented JSON document that it prints once it answers."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.rstrip() == "}":
                ready: dict[str, Any] = json.loads("".join(lines))
                return ready
        self.process.wait(10)
        message = self.stderr()
        self._close_files()
        raise AssertionError(f"it did not start: {message}")

    def _close_files(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()

    def stderr(self) -> str:
        """What it has written to stderr."""
        self._log.seek(0)
        return self._log.read()

    def __enter__(self) -> ServeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        self._close_files()


def graphrec_command() -> list[str]:
    """The command line of this checkout, whatever is on the path."""
    return [sys.executable, "-m", "graphrec.cli.main"]


def publish_bundle(settings: Settings, store: GraphStore, *, weight: float = 1.0) -> str:
    """Train popularity and ItemKNN on the graph and make them champion, as training does."""
    tables = store.export_snapshot(list(TABLES))
    dataset = dataset_from_tables(tables)
    models = {"popularity": PopularityModel().fit(dataset), "itemknn": ItemKNNModel().fit(dataset)}
    blend = Blend(tuple(models), np.array([[0.1, weight], [0.0, 0.0]]))
    trained = TrainedPipeline(Pipeline(models, blend=blend), dataset.items, has_commitments=True)
    bundles = BundleStore(settings.bundles_dir)
    info = {"snapshot_hash": "0" * 64, "config": {"weight": weight}, "seed": 0}
    info |= {"code_version": "test", "metrics": {}, "models": list(models)}
    bundle = bundles.publish(lambda writer: write_pipeline(writer, trained), info=info)
    bundles.set_alias("champion", bundle.id)
    return bundle.id
