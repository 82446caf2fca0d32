"""The FastAPI application around one recommender."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import RedirectResponse

from graphrec.errors import AccessError
from graphrec.recommend.recommender import Recommender
from graphrec.version import __version__
from serving.access import SECURITY_SCHEMES, Gatekeeper, VerifiesKeys
from serving.deps import Service
from serving.errors import MEDIA_TYPE, Problem, add_error_handlers
from serving.logs import get_logger
from serving.metrics import Metrics
from serving.middleware import Guard, Observe
from serving.query_docs import add_queries
from serving.routers import (
    admin,
    catalogue,
    curriculum,
    cypher,
    events,
    health,
    learners,
    paths,
    queries,
    recommendations,
)
from serving.settings import ServiceSettings
from serving.upkeep import Upkeep
from serving.workers import Workers

_ROUTERS = (
    recommendations,
    paths,
    events,
    learners,
    catalogue,
    queries,
    cypher,
    curriculum,
    admin,
    health,
)
DESIGNER_THREADS = 2
"""Own queries of designers at once."""
_DESCRIPTION = """\
What a learner should take next, and the whole path to the role they want.

**Ids** are the source's own, verbatim. In a path they are percent-encoded, a slash as `%2F`.
**Time** is sent as epoch milliseconds or ISO 8601 (no zone: UTC).
**Errors** are problem+json: `type`, `title`, `status`, `detail`, the `field` at fault and the
`request_id` under which the service logged it.
**Keys**: on loopback none is asked; beyond it send `Authorization: Bearer gr_…`. Scopes:
*integrator* (recommendations, paths, events, learners, catalogue), *designer* (queries,
catalogue), *admin* (all).
"""


def create_app(
    settings: ServiceSettings,
    recommender: Recommender,
    *,
    keys: VerifiesKeys | None = None,
    on_settled: Callable[[], None] = lambda: None,
) -> FastAPI:
    """Build the service; nothing listens and nothing runs before its lifespan begins.

    Args:
        settings: Where it listens and how it is bounded.
        recommender: Open; whoever opened it closes it.
        keys: ``graphrec.access.KeyStore``; needed where ``settings.needs_keys``.
        on_settled: Called once requests are answered at full speed.

    Raises:
        AccessError: Keys are needed and there is no key store.
    """
    if settings.needs_keys and keys is None:
        raise AccessError(
            "Beyond loopback the service needs API keys.",
            remedy="Make one: graphrec keys create NAME",
        )
    log = get_logger()
    metrics = Metrics(recommender)
    service = Service(
        settings=settings,
        recommender=recommender,
        workers=Workers(settings.num_threads, settings.max_waiting),
        designers=Workers(DESIGNER_THREADS, settings.max_waiting),
        writer=Workers(1, settings.max_waiting),
        metrics=metrics,
        gatekeeper=Gatekeeper(keys if settings.needs_keys else None),
        upkeep=Upkeep(
            recommender,
            interval_s=settings.refresh_interval_s,
            settle_s=settings.prepare_s,
            on_settled=on_settled,
            metrics=metrics,
            log=log,
        ),
    )
    app = _Api(
        title="graphrec",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # FastAPI's page loads its script from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(service),
    )
    app.state.service = service
    add_error_handlers(app)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Observe, settings=settings, metrics=metrics, log=log)
    app.include_router(recommendations.direct)  # first: it is matched most
    for module in _ROUTERS:
        app.include_router(module.router)
    app.add_route("/", lambda _: RedirectResponse("/docs"), include_in_schema=False)
    return app


def _lifespan(service: Service) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.upkeep.start()
        try:
            yield
        finally:
            service.upkeep.stop()
            service.writer.close()
            service.designers.close()
            service.workers.close()

    return lifespan


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The description, with problem+json for every error and the keys."""
        if self.openapi_schema is None:
            schema = get_openapi(
                title=self.title,
                version=self.version,
                description=self.description,
                routes=self.routes,
            )
            add_queries(schema["paths"], self.state.service.recommender.library)
            _add_problems(schema)
            self.openapi_schema = schema
        return self.openapi_schema


def _add_problems(schema: dict[str, Any]) -> None:
    parts = schema.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema()
    parts["securitySchemes"] = SECURITY_SCHEMES
    reference = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1") or path == "/metrics":
                operation["security"] = [{name: []} for name in SECURITY_SCHEMES] + [{}]
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    answer["content"] = reference
