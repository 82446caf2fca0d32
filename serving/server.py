"""Listening: the port, uvicorn without its own ways of ending, and the process' shape."""

from __future__ import annotations

import errno
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from graphrec.errors import ParameterError
from serving.settings import ServiceSettings

_PORTS_TRIED = 100


def listen(host: str, port: int) -> socket.socket:
    """A socket listening on ``port`` or the next free one.

    Raises:
        ParameterError: The address is not this machine's, or no port is free.
    """
    last = min(port + _PORTS_TRIED, 65536) if port else 1
    for candidate in range(port, last):
        try:
            return _bind(host, candidate)
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise ParameterError(
                    f"Cannot listen on '{host}': {error.strerror or error}.",
                    where="--host",
                    remedy="Give an address of this machine, 127.0.0.1 or 0.0.0.0 say.",
                ) from error
    raise ParameterError(f"No port from {port} to {last - 1} is free on {host}.", where="--port")


def _bind(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    found = socket.socket(family, kind, proto)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(2048)
    except OSError:
        found.close()
        raise
    return found


class _Server(uvicorn.Server):
    """Ends with 0 on SIGTERM and Ctrl-C once the requests in flight are answered."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        wanted = (signal.SIGINT, signal.SIGTERM)
        before = {sig: signal.signal(sig, self.handle_exit) for sig in wanted}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)


def run(app: FastAPI, settings: ServiceSettings, listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in flight get ``shutdown_grace_s``.

    Args:
        app: The service.
        settings: Its bounds.
        listener: A listening socket.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=settings.shutdown_grace_s,
        proxy_headers=False,
    )
    # What was loaded stays: the collector need not walk a million objects again and again.
    gc.collect()
    gc.freeze()
    _Server(config).run(sockets=[listener])
