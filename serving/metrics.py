"""What Prometheus reads from ``/metrics``: one registry a service, none of it global."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from graphrec.recommend.schemas import Health

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class _Observed(Protocol):
    @property
    def num_prepared(self) -> int: ...
    def health(self) -> Health: ...


class _RecommenderCollector(Collector):
    """Reads the recommender when it is asked, so that no stale bundle is ever shown."""

    def __init__(self, recommender: _Observed) -> None:
        self._recommender = recommender

    def collect(self) -> Iterable[Metric]:
        health = self._recommender.health()
        ready = GaugeMetricFamily("graphrec_ready", "1 where a usable bundle answers.")
        ready.add_metric([], float(health.ready))
        bundle = GaugeMetricFamily(
            "graphrec_bundle_info", "The bundle that answers.", labels=["bundle", "graph"]
        )
        bundle.add_metric([health.bundle or "", health.graph], 1.0)
        courses = GaugeMetricFamily("graphrec_courses", "Courses in the catalogue.")
        courses.add_metric([], float(health.num_courses))
        prepared = GaugeMetricFamily(
            "graphrec_prepared_learners", "Learners whose shortlist was made before they asked."
        )
        prepared.add_metric([], float(self._recommender.num_prepared))
        return [ready, bundle, courses, prepared]


class Metrics:
    """Counters of one service."""

    def __init__(self, recommender: _Observed) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        registry.register(_RecommenderCollector(recommender))
        self._requests = Counter(
            "graphrec_http_requests",
            "Requests by route template and status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "graphrec_http_request_seconds",
            "Seconds from a request's head to its answer's end.",
            ["route"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._kept: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.in_flight = Gauge(
            "graphrec_http_requests_in_flight", "Requests being answered.", registry=registry
        )
        self.events = Counter(
            "graphrec_events", "Events taken in, by outcome.", ["outcome"], registry=registry
        )
        for outcome in ("accepted", "duplicate", "quarantined"):
            self.events.labels(outcome)  # shown as 0 before the first one
        self.recommendations = Counter(
            "graphrec_recommendations",
            "Recommendations given, by what they rest on.",
            ["source"],
            registry=registry,
        )
        self.failed_upkeep = Counter(
            "graphrec_upkeep_failures",
            "Steps beside the requests that failed: refresh (a new champion), prepare, announce.",
            ["step"],
            registry=registry,
        )
        for step in ("refresh", "prepare", "announce"):
            self.failed_upkeep.labels(step)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (method, route, status)
        kept = self._kept.get(key)
        if kept is None:  # templates and statuses are few
            kept = self._requests.labels(method, route, str(status)), self._seconds.labels(route)
            self._kept[key] = kept
        kept[0].inc()
        kept[1].observe(seconds)

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
