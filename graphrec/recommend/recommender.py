"""Stage 5, SERVE: everything the service, the command line and Python ask, free of HTTP.

>>> from graphrec import Recommender
>>> recommender = Recommender.open("~/.local/share/graphrec")   # doctest: +SKIP
>>> recommender.recommend("learner-000001", k=5).courses        # doctest: +SKIP
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

from graphrec.bundle import CHAMPION, BundleStore
from graphrec.errors import BundleError, BundleMissingError, UnknownIdError
from graphrec.events.quarantine import Quarantine
from graphrec.events.schema import EventOutcome
from graphrec.graph.ingest_events import ingest_events
from graphrec.graph.queries import QueryLibrary
from graphrec.graph.snapshot import Snapshot, write_snapshot
from graphrec.graph.store import GraphStore, Row, open_store
from graphrec.model_card import model_card
from graphrec.recommend.answer import answer
from graphrec.recommend.catalogue import CATALOGUE_TABLES, Catalogue
from graphrec.recommend.engine import Engine
from graphrec.recommend.explorer import read_explorer
from graphrec.recommend.knobs import Knobs
from graphrec.recommend.learners import Learner, LearnerReader
from graphrec.recommend.model_io import read_pipeline
from graphrec.recommend.path_planner import known, plan_for
from graphrec.recommend.path_schemas import PathRequest, PathResponse
from graphrec.recommend.preparing import is_prepared, prepare
from graphrec.recommend.ruled import Asked, RulesKeeper, Trial, pick_many, trial
from graphrec.recommend.schemas import (
    K_DEFAULT,
    Health,
    RecommendRequest,
    RecommendResponse,
    SimilarCourse,
)
from graphrec.recommend.similar import similar_courses
from graphrec.recommend.skill_gap import SkillGap, skill_gap
from graphrec.rules.schema import RuleSet
from graphrec.settings import Settings

_SERVER_TTL_S = 5.0
"""Seconds a learner is kept where other processes write to the graph too."""

_CHUNK = 256
"""Learners answered at once."""


@dataclass(frozen=True)
class BatchAnswer:
    """One learner's courses of a batch, best first."""

    learner_id: str
    courses: list[str]
    scores: list[float]
    cold: bool


class Recommender:
    """Recommendations, paths and catalogue over one graph and the champion bundle.

    Safe to call from several threads. A missing or damaged bundle is no error: popularity
    answers, and ``health`` says why.

    Args:
        settings: Where bundles, snapshots and quarantine are.
        store: The graph, open; ``close`` closes it.
    """

    def __init__(self, settings: Settings, store: GraphStore) -> None:
        self.settings = settings
        self.store = store
        self._bundles = BundleStore(settings.bundles_dir)
        self._refresh_lock = threading.Lock()
        self._unusable: tuple[str | None, str] | None = None
        self._rules = RulesKeeper(settings.rules_path)
        catalogue = self._read_catalogue()
        self.learners = LearnerReader(
            store,
            catalogue,
            has_completions=bool(store.run("has_completions")),
            ttl_s=None if store.engine == "ladybug" else _SERVER_TTL_S,
        )
        self._engine = self._load(catalogue)

    @classmethod
    def open(
        cls, settings: Settings | Path | str | None = None, *, store: GraphStore | None = None
    ) -> Self:
        """Open the graph and the champion bundle.

        Args:
            settings: Settings, or the store folder; None: from the environment.
            store: The graph, where it is open already.

        Raises:
            StoreOwnedError: Another process owns the embedded graph.
            StoreUnavailableError: Neo4j does not answer.
        """
        if not isinstance(settings, Settings):
            settings = Settings() if settings is None else Settings(store=Path(settings))
        RulesKeeper(settings.rules_path)  # before a graph is opened for nothing
        return cls(settings, store or open_store(settings))

    def preload(self) -> None:
        """Read every learner into memory, where the graph is this process's own."""
        self.learners.preload()

    def prepare(self, should_stop: Callable[[], bool] = lambda: False) -> int:
        """Make the shortlists of all preloaded learners, so that requests only rerank.

        Called again it goes on where it was stopped, or begins anew for a new champion.

        Args:
            should_stop: Asked before every few hundred learners.

        Returns:
            How many learners have one now.
        """
        engine = self._engine
        return prepare(engine, self.learners, lambda: engine is not self._engine or should_stop())

    @property
    def is_prepared(self) -> bool:
        """Whether ``prepare`` has nothing to do."""
        return is_prepared(self._engine, self.learners)

    @property
    def num_prepared(self) -> int:
        """Learners whose shortlist was made before they asked."""
        prepared = self._engine.prepared
        return 0 if prepared is None else len(prepared)

    def close(self) -> None:
        """Close the graph; idempotent."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def engine(self) -> Engine:
        """What answers at this moment."""
        return self._engine

    @property
    def catalogue(self) -> Catalogue:
        """Courses, skills and roles as read when the bundle was taken up."""
        return self._engine.catalogue

    @cached_property
    def library(self) -> QueryLibrary:
        """The named queries."""
        return QueryLibrary.load()

    def recommend(
        self, request: RecommendRequest | str | None = None, *, k: int | None = None
    ) -> RecommendResponse:
        """What to take next.

        Args:
            request: A full request, a learner's id, or None for anybody.
            k: Number of courses, over the request's own.

        Raises:
            UnknownIdError: The request names a target role that does not exist.
        """
        if not isinstance(request, RecommendRequest):
            request = RecommendRequest(learner_id=request, k=k or K_DEFAULT)
        engine = self._engine
        if request.target_role_id is not None:
            _known_role(engine.catalogue, request.target_role_id, "target_role_id")
        learner = self._learner(request.learner_id)
        knobs = self._knobs(request.novelty, request.exploration)
        return answer(engine, learner, request, k or request.k, knobs)

    def try_rules(self, rules: RuleSet, request: RecommendRequest) -> Trial:
        """What rules would change of a request; nobody is served by them."""
        knobs = self._knobs(request.novelty, request.exploration)
        learner = self._learner(request.learner_id)
        return trial(Asked(self._engine, learner, request, knobs), rules, request.k)

    def _knobs(self, novelty: float | None, exploration: float | None) -> Knobs:
        """What the request turns, else the settings."""
        settings = self.settings
        return Knobs(
            settings.novelty if novelty is None else novelty,
            settings.exploration if exploration is None else exploration,
        )

    def recommend_many(
        self,
        learner_ids: Sequence[str],
        k: int,
        *,
        novelty: float | None = None,
        exploration: float | None = None,
    ) -> Iterator[BatchAnswer]:
        """Courses for many learners, in their order, without the reasons.

        Args:
            learner_ids: Unknown ones are answered cold and marked.
            k: Courses each, whenever so many are eligible.
            novelty: As a request's; None: the settings'.
            exploration: Likewise.
        """
        engine, knobs = self._engine, self._knobs(novelty, exploration)
        learners = self.learners.get_many(learner_ids)
        for start in range(0, len(learners), _CHUNK):
            chunk = learners[start : start + _CHUNK]
            for learner, picked in zip(chunk, pick_many(engine, chunk, k, knobs), strict=True):
                yield BatchAnswer(
                    str(learner.learner_id),
                    engine.items.ids(picked.items),
                    picked.scores[list(picked.places)].astype(float).tolist(),
                    cold=not learner.rows,
                )

    def path(
        self, request: PathRequest, keep: Sequence[str] = (), learner: Learner | None = None
    ) -> PathResponse:
        """Plan the way to a target, with a former plan's courses (``keep``) where they still do.

        Business rules are obeyed as by recommendations; among plans of equal hours the models
        say which courses fit the learner. ``learner`` is that of the request, where it was read
        already.

        Raises:
            UnknownIdError: The target or the learner does not exist.
        """
        engine = self._engine
        if request.learner_id is not None:
            learner = learner or self.learners.get(request.learner_id)
        role_id = request.target.role_id or (learner and learner.target_role_id) or None
        fit = partial(engine.fit, learner or self.learners.anonymous(), request.completed, role_id)
        return plan_for(request, engine.catalogue, learner, engine.rules, keep=keep, scorer=fit)

    def similar(self, course_id: str, k: int = K_DEFAULT) -> list[SimilarCourse]:
        """Courses near another one, hidden ones left out.

        Raises:
            UnknownIdError: There is no such course.
        """
        self.catalogue.course(course_id)
        return similar_courses(self._engine, course_id, k)

    def skill_gap(self, learner_id: str, role_id: str) -> list[SkillGap]:
        """What a role needs and the learner does not hold.

        Raises:
            UnknownIdError: The learner or the role does not exist.
        """
        catalogue = self._engine.catalogue
        _known_role(catalogue, role_id, "role")
        return skill_gap(known(self.learners.get(learner_id)).state, role_id, catalogue)

    def ingest(self, events: Sequence[Mapping[str, Any]]) -> list[EventOutcome]:
        """Take in events; when it returns, the accepted ones are durable.

        Args:
            events: As ``graphrec.events.schema.Event``; bad ones are quarantined.
        """
        quarantine = Quarantine.for_events(self.settings.quarantine_dir)
        try:
            outcomes = ingest_events(self.store, events, quarantine)
        finally:
            quarantine.close()
        accepted = [
            event
            for event, outcome in zip(events, outcomes, strict=True)
            if outcome.status == "accepted"
        ]
        if any(event["type"] == "completed" for event in accepted):
            self.learners.has_completions = True
        self.learners.forget(str(event["learner_id"]) for event in accepted)
        return outcomes

    def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Rows of a named query of ``cypher/``."""
        return self.store.run(name, **(parameters or {}))

    def snapshot(self) -> Snapshot:
        """Write the graph as it stands into the store, to train from."""
        return write_snapshot(self.store, self.settings.snapshots_dir)

    def refresh(self) -> bool:
        """Take up a newly published champion; True where one was; and rules that changed.

        A champion or a rules file that cannot be read leaves the old one serving.

        Raises:
            SourceError: The rules file has changed and is broken.
        """
        with self._refresh_lock:
            self._rules.refresh(self._engine)
            champion = self._champion()
            if champion == self._engine.bundle_id or (
                self._unusable is not None and self._unusable[0] == champion
            ):
                return False
            fresh = self._load(self._read_catalogue())
            if fresh.bundle_id is None and self._engine.bundle_id is not None:
                return False
            self._engine = fresh
            return fresh.bundle_id is not None

    def health(self) -> Health:
        """Whether the pipeline answers, and on what."""
        engine = self._engine
        reason = None
        if engine.bundle_id is None and self._unusable is not None:
            reason = self._unusable[1]
        return Health(
            ready=engine.bundle_id is not None,
            reason=reason,
            bundle=engine.bundle_id,
            graph=self.store.engine,
            num_courses=len(engine.catalogue),
        )

    def bundle_info(self) -> dict[str, Any]:
        """Manifest of the bundle that answers, without its file list; {} without one."""
        if self._engine.bundle_id is None:
            return {}
        manifest = self._bundles.load(self._engine.bundle_id, verify=False).manifest
        return {"id": self._engine.bundle_id} | {k: v for k, v in manifest.items() if k != "files"}

    def model_card(self, ref: str = CHAMPION) -> str:
        """The model card of a bundle, Markdown.

        Args:
            ref: Id or alias.

        Raises:
            UnknownIdError: There is no such bundle.
        """
        try:
            return model_card(self._bundles.load(ref, verify=False))
        except BundleMissingError as exc:
            raise UnknownIdError(exc.message, where="model_id", remedy=exc.remedy) from exc

    def example_learner(self) -> str | None:
        """Some learner with a history, for a first request; None where there is none."""
        rows = self.store.run("example_learner")
        return str(rows[0]["learner_id"]) if rows else None

    def _learner(self, learner_id: str | None) -> Learner:
        if not learner_id:
            return self.learners.anonymous()
        prepared = self._engine.prepared
        if prepared is not None and learner_id in prepared:
            learner = self.learners.from_table(learner_id)
            if learner is not None:
                return learner  # read again in microseconds: keeping it would only cost memory
        return self.learners.get(learner_id)

    def _read_catalogue(self) -> Catalogue:
        return Catalogue.from_tables(self.store.export_snapshot(CATALOGUE_TABLES))

    def _champion(self) -> str | None:
        with suppress(BundleError):
            return self._bundles.alias(CHAMPION)
        return None

    def _load(self, catalogue: Catalogue) -> Engine:
        """An engine on the champion, or on popularity with the reason kept."""
        self.learners.catalogue = catalogue
        champion = self._champion()
        try:
            bundle = self._bundles.load(CHAMPION)
            trained, explorer = read_pipeline(bundle), read_explorer(bundle)
            if self.settings.ranker == "off":
                trained.pipeline.ranking = None
        except BundleError as error:
            self._unusable = (champion, str(error))
            rows = self.store.run("course_popularity")
            popularity = {row["course_id"]: int(row["num_learners"]) for row in rows}
            return self._rules.attach(Engine(catalogue, popularity, None, None))
        self._unusable = None
        popularity = dict(zip(trained.items, trained.popularity.tolist(), strict=True))
        return self._rules.attach(Engine(catalogue, popularity, trained, bundle.id, explorer))


def _known_role(catalogue: Catalogue, role_id: str, field: str) -> None:
    if not catalogue.has_role(role_id):
        raise UnknownIdError(
            f"There is no role '{role_id}'.", where=field, remedy="GET /v1/roles lists them."
        )
