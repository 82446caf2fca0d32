"""Who may ask what: API keys and their scopes; on loopback nothing is asked by default."""

from __future__ import annotations

from typing import Final, Literal, Protocol

from fastapi import Request

from graphrec.errors import AccessError
from serving.errors import ForbiddenError

Scope = Literal["integrator", "designer", "admin"]

SECURITY_SCHEMES: Final[dict[str, dict[str, str]]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "`Authorization: Bearer gr_…`, made by `graphrec keys create`.",
    },
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same."},
}
"""As OpenAPI describes them."""


class VerifiesKeys(Protocol):
    """What the service asks of ``graphrec.access.KeyStore``."""

    def verify(self, secret: str) -> HasScopes:
        """The key under a secret; raises AccessError where there is none."""
        ...


class HasScopes(Protocol):
    """A key that was found good."""

    @property
    def scopes(self) -> frozenset[str] | tuple[str, ...] | list[str]:
        """What it may do."""
        ...


class Gatekeeper:
    """Checks the key of a request.

    Args:
        keys: None: every request may do everything (loopback).
    """

    def __init__(self, keys: VerifiesKeys | None) -> None:
        self._keys = keys

    def check(self, secret: str | None, scopes: tuple[Scope, ...]) -> None:
        """Let pass who holds one of ``scopes``, or is admin.

        Raises:
            AccessError: The key is missing, unknown or revoked.
            ForbiddenError: It lacks the scope.
        """
        if self._keys is None:
            return
        if not secret:
            raise AccessError(
                "This service asks for an API key.",
                remedy="Send 'Authorization: Bearer gr_…'; 'graphrec keys create' makes one.",
            )
        held = set(self._keys.verify(secret).scopes)
        if "admin" not in held and held.isdisjoint(scopes):
            raise ForbiddenError(
                f"This needs the scope {' or '.join(scopes)}; the key has "
                f"{', '.join(sorted(held)) or 'none'}."
            )


class RequireScope:
    """A route's dependency: a key with one of these scopes (admin always may)."""

    def __init__(self, *scopes: Scope) -> None:
        self._scopes = scopes

    async def __call__(self, request: Request) -> None:
        """Check the request's key."""
        gatekeeper: Gatekeeper = request.app.state.service.gatekeeper
        gatekeeper.check(_secret(request), self._scopes)


def _secret(request: Request) -> str | None:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key")
