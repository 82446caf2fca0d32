"""How the service listens and how it is bounded (``GRAPHREC_SERVE_*``)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_MIB = 1024 * 1024
_CYPHER_BODY_BYTES = 256 * 1024


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether an address or name can be reached from this machine only.

    >>> is_loopback("127.0.0.9"), is_loopback("::1"), is_loopback("localhost"), is_loopback("")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class ServiceSettings(BaseSettings):
    """One instance a service; an argument beats the environment, which beats the defaults."""

    model_config = SettingsConfigDict(
        env_prefix="GRAPHREC_SERVE_", frozen=True, extra="ignore", populate_by_name=True
    )

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Beyond loopback every request needs an API key.",
    )
    port: int = Field(
        default=8000, ge=0, le=65535, description="First port to try; 0: any free one."
    )
    require_keys: bool = Field(
        default=False, description="Demand API keys on loopback too (behind a proxy, say)."
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Host names answered besides loopback's own, as a JSON list. Empty and "
        "beyond loopback: any.",
    )
    max_body_bytes: int = Field(
        default=_MIB, ge=1024, description="Bytes of a request's body; a path needs far less."
    )
    max_events_body_bytes: int = Field(
        default=8 * _MIB, ge=1024, description="Bytes of a batch of events: 1,000 of 8 KiB."
    )
    request_timeout_s: float = Field(
        default=30.0, gt=0, description="Seconds until a request is answered with 504."
    )
    admin_timeout_s: float = Field(
        default=900.0, gt=0, description="The same for /v1/admin: a large snapshot takes minutes."
    )
    max_in_flight: int = Field(
        default=256, ge=1, description="Requests at once; the next is told 503 and Retry-After."
    )
    num_threads: int = Field(
        default=4, ge=1, le=64, description="Threads for paths, queries, events and snapshots."
    )
    max_waiting: int = Field(
        default=64, ge=1, description="Calls waiting for those threads; then 503."
    )
    max_query_rows: int = Field(
        default=1_000, ge=1, description="Rows of one query's answer; more are cut off, marked."
    )
    max_query_s: float = Field(
        default=10.0, gt=0, le=3600, description="Seconds that a designer's own query may run."
    )
    refresh_interval_s: float = Field(
        default=1.0, gt=0, description="Seconds between two looks for a newly published champion."
    )
    prepare_s: float = Field(
        default=120.0,
        ge=0,
        description="Seconds after its start for which the service says that it is not ready "
        "while it makes the shortlists of all learners; requests are answered, slower.",
    )
    shutdown_grace_s: int = Field(
        default=30, ge=0, description="Seconds that requests in flight get on SIGTERM."
    )
    log_requests: bool = Field(default=True, description="One JSON line a request on stderr.")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)

    @property
    def needs_keys(self) -> bool:
        """Whether requests must carry an API key."""
        return self.require_keys or not self.is_loopback

    def timeout_s(self, path: str) -> float:
        """Seconds a request to ``path`` may take."""
        return self.admin_timeout_s if path.startswith("/v1/admin") else self.request_timeout_s

    def body_bytes(self, path: str) -> int:
        """Bytes the body of a request to ``path`` may have."""
        if path == "/v1/cypher":
            return min(self.max_body_bytes, _CYPHER_BODY_BYTES)
        return self.max_events_body_bytes if path == "/v1/events" else self.max_body_bytes
