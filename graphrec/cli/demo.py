"""``graphrec demo``: the whole product over the demonstration academy, in one command."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import orjson
import typer

from graphrec.bundle import CHAMPION, BundleStore
from graphrec.cli.common import (
    JsonOption,
    StoreOption,
    console,
    err_console,
    is_interactive,
    print_json,
    settings_for,
)
from graphrec.cli.path_formats import print_path
from graphrec.cli.progress import StepLog
from graphrec.cli.recommend import print_recommendations
from graphrec.demo.catalogue import load_catalogue
from graphrec.errors import GraphrecError
from graphrec.events.simulator import SimulatorConfig, write_parquet
from graphrec.graph.store import open_store
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_schemas import PathResponse
from graphrec.recommend.schemas import RecommendResponse
from graphrec.settings import Settings

_LEARNER, _ROLE = "learner-000001", "data-scientist"
_START_TIMEOUT_S = 60


def demo(
    learners: Annotated[
        int, typer.Option("--learners", min=100, max=1_000_000, help="Learners to simulate.")
    ] = 2_000,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Ray Train workers.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8000,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Load the demonstration academy, train, serve, and show two answers; Ctrl-C ends it.

    What is done is not done again: a second demo starts in seconds. Without a terminal the
    service is stopped after the answers. Its store is the folder "demo" of the default one.
    """
    base = settings_for(store)
    settings = base if store is not None else Settings(store=base.store_dir / "demo")
    log = StepLog()
    _load(settings, learners, seed, log)
    _train(settings, workers, seed, log)
    with _service(settings, port, log) as url:
        _show(url, as_json=json_output)
        if is_interactive():
            console.print(f"\nserving at {url} (docs: {url}/docs), Ctrl-C stops")
            _wait()
    log("stopped")


def _load(settings: Settings, learners: int, seed: int, log: StepLog) -> None:
    """Simulate learners and import them with the catalogue, unless the graph holds courses."""
    with open_store(settings) as graph:
        if graph.counts()["courses"]:
            log(f"the academy is loaded already: {settings.store_dir}")
            return
    with tempfile.TemporaryDirectory(prefix="graphrec-demo-") as folder:
        log(f"simulating {learners:,} learners over the academy")
        config = SimulatorConfig(num_learners=learners, seed=seed)
        write_parquet(load_catalogue(), config, Path(folder))
        log("importing them into the graph")
        _run(settings, "import", "native", folder)


def _train(settings: Settings, workers: int, seed: int, log: StepLog) -> None:
    if BundleStore(settings.bundles_dir).alias(CHAMPION) is not None:
        log("a champion is trained already")
        return
    log("training on Ray")
    _run(settings, "train", "--workers", str(workers), "--seed", str(seed))


def _command(settings: Settings, *arguments: str) -> list[str]:
    """A graphrec command of this very installation, on this demo's store."""
    store = str(settings.store_dir)
    return [sys.executable, "-m", "graphrec.cli.main", *arguments, "--store", store]


def _run(settings: Settings, *arguments: str) -> None:
    """Run a command as a process of its own: what it holds is free again afterwards.

    Raises:
        GraphrecError: It failed; what was wrong it has said itself.
    """
    # What it prints is progress here: stdout is for the answers.
    command = _command(settings, *arguments)
    code = subprocess.run(command, stdout=sys.stderr, check=False).returncode  # noqa: S603
    if code == 128 + signal.SIGINT:
        raise typer.Exit(code)
    if code:
        raise GraphrecError(
            f"'graphrec {shlex.join(arguments)}' ended with exit code {code}.",
            remedy="See above; graphrec doctor checks the installation.",
        )


@contextmanager
def _service(settings: Settings, port: int, log: StepLog) -> Iterator[str]:
    """The service as a process, stopped in good order at the end; gives its address."""
    log(f"starting the service (its log: {settings.store_dir / 'service.log'})")
    command = _command(settings, "serve", "--port", str(port), "--json")
    # A session of its own: Ctrl-C reaches this process, which then ends the service.
    with (settings.store_dir / "service.log").open("ab") as service_log:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=service_log, start_new_session=True
        )
    try:
        assert process.stdout is not None  # noqa: S101 - asked for above
        yield str(_read_document(process.stdout)["url"])
    finally:
        process.terminate()
        try:
            process.wait(_START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _read_document(stream: IO[bytes]) -> dict[str, Any]:
    """The one JSON document that a started service prints.

    Raises:
        GraphrecError: The service ended before it was ready.
    """
    text = b""
    for line in stream:
        text += line
        try:
            found: dict[str, Any] = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        return found
    raise GraphrecError("the service did not start.", remedy="See service.log in the store.")


def _show(url: str, *, as_json: bool) -> None:
    """Ask the service for a recommendation and a path; print the curl lines and the answers."""
    recommend = f"{url}/v1/learners/{quote(_LEARNER, safe='')}/recommendations?k=5"
    wanted = {"learner_id": _LEARNER, "target": {"role_id": _ROLE}, "hours_per_week": 6}
    body = orjson.dumps(wanted).decode()
    headers = {"Content-Type": "application/json"}
    given = _fetch(Request(recommend))  # noqa: S310 - our own service
    planned = _fetch(Request(f"{url}/v1/paths", data=body.encode(), headers=headers))  # noqa: S310
    if as_json:
        answers = {"recommendation": orjson.loads(given), "path": orjson.loads(planned)}
        print_json({"url": url, **answers})
        return
    console.print("\n[bold]A recommendation[/bold]")
    console.print(f"curl -s '{recommend}'", highlight=False, soft_wrap=True)
    print_recommendations(RecommendResponse.model_validate_json(given))
    console.print("\n[bold]A learning path[/bold]")
    line = f"curl -s {url}/v1/paths -H 'Content-Type: application/json' -d {shlex.quote(body)}"
    console.print(line, highlight=False, soft_wrap=True)
    path = PathResponse.model_validate_json(planned)
    print_path(path, Catalogue.from_tables(load_catalogue()))


def _fetch(request: Request) -> bytes:
    with urlopen(request, timeout=_START_TIMEOUT_S) as answer:  # noqa: S310 - our own service
        content: bytes = answer.read()
    return content


def _wait() -> None:
    """Until Ctrl-C."""
    try:
        signal.pause()
    except KeyboardInterrupt:
        err_console.print("\nstopping")
