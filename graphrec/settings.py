"""Settings from the environment (``GRAPHREC_*``); an argument beats them, they beat defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from graphrec.errors import ParameterError

_S = TypeVar("_S", bound=BaseSettings)


class Settings(BaseSettings):
    """Where things are and how they are bounded; one instance a process, passed explicitly."""

    model_config = SettingsConfigDict(env_prefix="GRAPHREC_", frozen=True, extra="ignore")

    store: Path = Field(
        default=Path("~/.local/share/graphrec"),
        description="Folder of the embedded graph, quarantine, snapshots, bundles and keys.",
    )
    graph_url: str = Field(
        default="",
        description="Empty: the embedded graph in the store. bolt:// or neo4j+s://: Neo4j there.",
    )
    graph_user: str = Field(default="neo4j", description="Neo4j user.")
    graph_password: SecretStr = Field(
        default=SecretStr(""), description="Neo4j password; empty: no authentication."
    )
    graph_database: str = Field(default="neo4j", description="Neo4j database.")
    graph_buffer_mb: int = Field(
        default=1024, ge=64, description="MiB of page cache of the embedded graph."
    )
    graph_max_gb: int = Field(
        default=64, ge=1, description="GiB of address space the embedded graph may grow to."
    )
    text_encoder: str = Field(
        default="auto",
        description="Reads texts in training: auto, or tfidf, minilm and folders, joined by +.",
    )
    text_cache: Path = Field(
        default=Path("~/.cache/graphrec"),
        description="Folder of the vectors of texts already read; it may be deleted.",
    )

    novelty: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="How far what everybody takes stands back in recommendations, 0 to 1.",
    )
    exploration: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description="Share of a list's places given to courses that few learners took or none.",
    )

    ranker: Literal["auto", "off"] = Field(
        default="auto",
        description="auto: the bundle's ranker corrects the blend, where it has one. off: not.",
    )
    rules: str = Field(
        default="",
        description="Empty: none. A YAML file of business rules over recommendations.",
    )

    @property
    def rules_path(self) -> Path | None:
        """The rules file, or None."""
        return Path(self.rules).expanduser() if self.rules else None

    @property
    def store_dir(self) -> Path:
        """The store, with ``~`` expanded; not created."""
        return self.store.expanduser()

    @property
    def graph_dir(self) -> Path:
        """The embedded graph's folder."""
        return self.store_dir / "graph"

    @property
    def bundles_dir(self) -> Path:
        """Published bundles and their aliases."""
        return self.store_dir / "bundles"

    @property
    def snapshots_dir(self) -> Path:
        """Published snapshots of the graph."""
        return self.store_dir / "snapshots"

    @property
    def quarantine_dir(self) -> Path:
        """Refused rows and events, JSON Lines, a file an import."""
        return self.store_dir / "quarantine"

    @property
    def keys_path(self) -> Path:
        """API keys, hashed."""
        return self.store_dir / "keys.json"


def read_settings(kind: type[_S], **given: Any) -> _S:
    """Settings of the environment, with what is given before them.

    Raises:
        ParameterError: One cannot be used; the variable is named.
    """
    try:
        return kind(**given)
    except ValidationError as exc:
        fault = exc.errors()[0]
        name = "_".join(str(part) for part in fault["loc"])
        raise ParameterError(
            f"the setting cannot be used: {fault['msg']}.",
            where=f"{kind.model_config.get('env_prefix', '')}{name}".upper(),
            remedy="docs/settings.md lists them.",
        ) from exc
