"""``graphrec serve``: one process that owns the graph and answers over HTTP."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import orjson
import typer

from graphrec.cli.common import JsonOption, StoreOption, print_json, settings_for
from graphrec.errors import AccessError
from graphrec.settings import Settings, read_settings
from serving.settings import ServiceSettings

if TYPE_CHECKING:
    from graphrec.recommend.catalogue import Catalogue
    from graphrec.recommend.recommender import Recommender


def serve(
    store: StoreOption = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on (127.0.0.1); beyond loopback keys are needed."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="First port to try (8000); 0: any free one."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Serve recommendations, paths, events and queries over HTTP until Ctrl-C.

    One process owns the embedded graph: commands that need it go through this service
    meanwhile. Other settings: GRAPHREC_SERVE_* (see docs/rest.md).
    """
    given = {"host": host, "port": port}
    service = read_settings(ServiceSettings, **{k: v for k, v in given.items() if v is not None})
    settings = settings_for(store)
    keys = _keys(service, settings)

    # Loaded only here, so that `graphrec serve --help` stays quick.
    from graphrec.recommend.recommender import Recommender
    from serving import server
    from serving.app import create_app

    listener = server.listen(service.host, service.port)
    started = time.monotonic()
    recommender = Recommender.open(settings)
    try:
        # Before the first request: beside them it would cost each of them milliseconds.
        recommender.preload()
        port = listener.getsockname()[1]

        def announce() -> None:
            seconds = time.monotonic() - started
            _print(_announcement(recommender, service, port, seconds), as_json=json)

        app = create_app(service, recommender, keys=keys, on_settled=announce)
        server.run(app, service, listener)
    finally:
        recommender.close()
        listener.close()


def _keys(service: ServiceSettings, settings: Settings) -> Any:
    """The key store where keys are needed; refuses to go on where it holds none."""
    if not service.needs_keys:
        return None
    from graphrec.access import KeyStore

    keys = KeyStore(settings.keys_path)
    if all(key.revoked_at is not None for key in keys.list()):
        raise AccessError(
            f"Listening on {service.host} needs an API key, and there is none.",
            remedy="Make one: graphrec keys create NAME",
        )
    return keys


@dataclass(frozen=True)
class _Announcement:
    """What a started service says of itself."""

    facts: dict[str, Any]
    lines: list[str]


def _announcement(
    recommender: Recommender, service: ServiceSettings, port: int, seconds: float
) -> _Announcement:
    shown = service.host if ":" not in service.host else f"[{service.host.strip('[]')}]"
    url = f"http://{shown}:{port}"
    health = recommender.health()
    lines = [
        f"graphrec serves {health.num_courses} courses at {url} (opened in {seconds:.1f} s)",
        f"  model bundle: {health.bundle or 'none'}",
        f"  docs: {url}/docs   stop: Ctrl-C",
        "",
        *curl_lines(url, recommender, has_keys=service.needs_keys),
    ]
    if health.reason:
        lines.insert(2, f"  {health.reason}")
    if service.port not in {0, port}:
        lines.insert(0, f"Port {service.port} is taken; this service uses {port}.")
    return _Announcement(
        {"url": url, "host": service.host, "port": port, **health.model_dump()}, lines
    )


def _print(announcement: _Announcement, *, as_json: bool) -> None:
    if as_json:
        print_json(announcement.facts)
    else:
        typer.echo("\n".join(announcement.lines))


def curl_lines(url: str, recommender: Recommender, *, has_keys: bool) -> list[str]:
    """Two commands that work as they stand: a recommendation and a path."""
    key = " -H 'Authorization: Bearer gr_…'" if has_keys else ""
    learner = quote(recommender.example_learner() or "somebody", safe="")
    lines = [f"curl -s{key} '{url}/v1/learners/{learner}/recommendations?k=5'"]
    target = _example_target(recommender.catalogue)
    if target:
        body = shlex.quote(orjson.dumps({"target": target}).decode())
        head = "-H 'Content-Type: application/json'"
        lines.append(f"curl -s{key} {url}/v1/paths {head} -d {body}")
    return lines


def _example_target(catalogue: Catalogue) -> dict[str, str] | None:
    if catalogue.roles:
        return {"role_id": next(iter(catalogue.roles))}
    behind = (c for c in catalogue.courses if catalogue.required_groups(c))
    course_id = next(behind, None) or next(iter(catalogue.courses), None)
    return {"course_id": course_id} if course_id else None
