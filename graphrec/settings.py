"""Settings from the environment (``GRAPHREC_*``); an argument beats them, they beat defaults."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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
