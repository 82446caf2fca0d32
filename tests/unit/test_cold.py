"""Cold start: nothing of a cold course or a new learner leaks, and what can be found is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import bare, unordered

from graphrec.dataset import Dataset, Histories
from graphrec.errors import ParameterError
from graphrec.evaluate.cold import (
    ColdCourses,
    Questions,
    chance,
    measure,
    measure_cold_courses,
    split_cold_courses,
)
from graphrec.evaluate.cold_run import evaluate_cold_courses, evaluate_few_shot
from graphrec.evaluate.few_shot import measure_few_shot, split_few_shot
from graphrec.features.signals import LearnerSignals
from graphrec.ids import IdMap
from graphrec.models.base import Model
from graphrec.models.cold_items import place_cold_items, with_cold_items
from graphrec.models.content import ContentConfig, ContentModel
from graphrec.models.ease import EASEModel
from graphrec.models.fitting import fit_neural, hold_out_newest
from graphrec.models.graph import GraphConfig
from graphrec.models.itemknn import ItemKNNModel
from graphrec.models.popularity import PopularityModel
from graphrec.models.training import Outcome

TOPICS, PER_TOPIC = 5, 12
NUM_ITEMS = TOPICS * PER_TOPIC


def topics(*, with_text: bool = False, num_learners: int = 300, seed: int = 0) -> Dataset:
    """Each learner takes 7 of the 12 courses of one topic, which text or skill names."""
    rng = np.random.default_rng(seed)
    rows = [
        PER_TOPIC * rng.integers(TOPICS) + rng.permutation(PER_TOPIC)[:7]
        for _ in range(num_learners)
    ]
    data = bare(rows, NUM_ITEMS)
    topic = np.arange(NUM_ITEMS) // PER_TOPIC
    if with_text:
        words = ("statistics", "painting in oil", "cooking rice", "sailing boats", "violin")
        return replace(data, texts=[f"{words[t]} {i}" for i, t in enumerate(topic)])
    edges = np.stack([np.arange(NUM_ITEMS), topic])
    return replace(data, skills=IdMap(f"s{t}" for t in range(TOPICS)), item_skill=edges)


def figures(task: ColdCourses, model: Model) -> tuple[float, float]:
    """NDCG@10 among all and among the cold."""
    found = measure_cold_courses(task, lambda histories, _: model.score(histories))
    return found["all"]["ndcg@10"], found["cold"]["ndcg@10"]


class TestColdSplit:
    """What is taken out, and what is asked."""

    @pytest.mark.parametrize("is_ordered", [True, False])
    def test_nothing_of_a_cold_course_is_left(self, *, is_ordered: bool) -> None:
        data = topics() if is_ordered else unordered(topics())
        data = replace(data, views=data.histories)
        task = split_cold_courses(data, seed=3)
        assert task.is_cold.sum() == 6  # a tenth of 60
        assert task.train.views is not None
        for left in (task.train.histories, task.train.views, task.questions.inputs):
            assert not task.is_cold[left.items].any()
        warm = [row[~task.is_cold[row]].tolist() for row in data.histories]
        assert [row.tolist() for row in task.train.histories] == warm
        assert task.train.item_skill is data.item_skill
        assert task.is_cold[task.questions.targets].all()

    def test_the_last_cold_course_is_asked_and_what_came_before_is_known(self) -> None:
        data = bare([[0, 9, 1, 8, 2], [9, 1], [0, 1], [3, 9]], 10)
        task = _cold(data, [8, 9])
        assert task.questions.learners.tolist() == [0, 3]  # of learner 1 nothing was known
        assert task.questions.targets.tolist() == [8, 9]
        assert [row.tolist() for row in task.questions.inputs] == [[0, 1], [3]]
        assert [row.tolist() for row in task.questions.excluded] == [[9], []]

    def test_of_an_unordered_learner_a_random_one_and_all_the_rest_is_known(self) -> None:
        data = unordered(bare([[0, 9, 1, 8, 2]] * 40, 10))
        questions = _cold(data, [8, 9]).questions
        assert {8, 9} == set(questions.targets.tolist())
        for target, known, others in zip(
            questions.targets, questions.inputs, questions.excluded, strict=True
        ):
            assert known.tolist() == [0, 1, 2]
            assert others.tolist() == [17 - target]

    def test_seed_decides_and_rare_and_hidden_courses_stay(self) -> None:
        data = topics()
        first, again, other = (split_cold_courses(data, seed=s) for s in (1, 1, 2))
        assert (first.is_cold == again.is_cold).all()
        assert first.questions.targets.tolist() == again.questions.targets.tolist()
        assert (first.is_cold != other.is_cold).any()
        eligible = np.arange(NUM_ITEMS) < 10
        hidden = split_cold_courses(replace(data, eligible=eligible), share=1.0 / 2)
        assert hidden.is_cold[:10].sum() == 5
        assert not hidden.is_cold[10:].any()
        degrees = np.bincount(data.histories.items)
        rare = split_cold_courses(data, share=1.0, min_learners=int(np.median(degrees)) + 1)
        assert (degrees[rare.is_cold] > np.median(degrees)).all()

    def test_without_courses_or_learners_to_ask_it_says_so(self) -> None:
        with pytest.raises(ParameterError, match="no course has 5 learners"):
            split_cold_courses(bare([[0, 1]], 3))
        with pytest.raises(ParameterError, match="nobody"):
            split_cold_courses(bare([[0]] * 9, 3))

    def test_signals_tell_nothing_of_what_was_taken_out(self) -> None:
        data = bare([[0, 9], [1, 9]], 10)
        times = np.array([10, 20, 10, 20])
        data = data.with_histories(replace(data.histories, times=times))
        views = Histories.from_lists([[9, 3, 4], [5]])
        views = replace(views, times=np.array([5, 15, 25, 20]))
        task = _cold(data, [9])
        known = task.known(LearnerSignals(10, views)).before(task.questions.times).views
        assert known is not None
        assert [row.tolist() for row in known] == [[3], []]


def _cold(data: Dataset, items: list[int]) -> ColdCourses:
    """The task whose cold courses are these: by hidden ones, of which none is drawn."""
    eligible = np.isin(np.arange(data.num_items), items)
    return split_cold_courses(replace(data, eligible=eligible), share=1.0, min_learners=1)


class TestMeasuring:
    """Ranks, ties and chance."""

    def questions(self) -> Questions:
        inputs = Histories.from_lists([[0], [1, 2]])
        return Questions(np.arange(2), inputs, np.array([4, 5]), Histories.from_lists([[5], []]))

    def test_ties_count_against_and_what_is_known_is_no_rival(self) -> None:
        scores = np.array([[9, 1, 1, 1, 2, 9], [1, 9, 9, 1, 1, 1]], np.float32)
        found = measure(self.questions(), np.ones(6, bool), lambda histories, rows: scores[rows])
        # The first leads its four; the second shares the last of four places.
        assert found["recall@10"] == 1.0
        assert found["ndcg@10"] == pytest.approx((1 + 1 / np.log2(5)) / 2)

    def test_only_the_ranked_are_rivals(self) -> None:
        is_ranked = np.array([False, False, False, False, True, True])
        scores = np.array([[9, 9, 9, 9, 1, 1]] * 2, np.float32)
        found = measure(self.questions(), is_ranked, lambda histories, rows: scores[rows])
        assert found["ndcg@10"] == pytest.approx((1 + 1 / np.log2(3)) / 2)

    def test_chance_is_what_random_scores_find(self) -> None:
        task = split_cold_courses(topics(num_learners=400), seed=0, share=0.5)
        rng = np.random.default_rng(0)
        shape = (len(task.questions), NUM_ITEMS)
        tables = [rng.random(shape) for _ in range(20)]
        drawn = [measure_cold_courses(task, lambda _, rows, t=t: t[rows]) for t in tables]
        for where, ranked in (("all", np.ones(NUM_ITEMS, bool)), ("cold", task.is_cold)):
            expected = chance(task.questions, ranked)
            for key, value in expected.items():
                assert np.mean([d[where][key] for d in drawn]) == pytest.approx(value, rel=0.05)


class TestColdCoursesAreFound:
    """A skill or a text that learners of the topic know leads to an untaken course."""

    def test_by_content_and_not_by_those_who_need_learners(self) -> None:
        pytest.importorskip("sklearn", reason="content is fitted with the extra 'train'")
        task = split_cold_courses(topics(), seed=0, share=0.3)
        everywhere, among = figures(task, ContentModel().fit(task.train))
        by_chance = chance(task.questions, task.is_cold)["ndcg@10"]
        assert among > 1.5 * by_chance
        assert everywhere > 0.2
        for kind in (PopularityModel, ItemKNNModel):
            assert figures(task, kind().fit(task.train)) == (0.0, 0.0)  # all tied at nothing

    def test_by_text(self) -> None:
        pytest.importorskip("sklearn", reason="content is fitted with the extra 'train'")
        task = split_cold_courses(topics(with_text=True), seed=0, share=0.3)
        model = ContentModel().fit(task.train, ContentConfig(encoder="tfidf"))
        assert figures(task, model)[1] > 1.5 * chance(task.questions, task.is_cold)["ndcg@10"]

    def test_by_the_graph(self) -> None:
        pytest.importorskip("torch", reason="the graph model is trained with the extra 'train'")
        task = split_cold_courses(topics(), seed=0, share=0.3)
        config = GraphConfig(embedding_dim=16, batch_size=64, max_epochs=8, patience=3)
        model = fit_neural("graph", *hold_out_newest(task.train), config).model
        by_chance = chance(task.questions, task.is_cold)["ndcg@10"]
        assert figures(task, model)[1] > 1.5 * by_chance
        content = ContentModel().fit(task.train).item_vectors()
        placed = with_cold_items(model, content, ~task.is_cold)
        assert figures(task, placed)[1] > 1.5 * by_chance
        assert figures(task, placed)[0] > 0.2

    def test_by_item_item_models_and_popularity_once_placed(self) -> None:
        task = split_cold_courses(topics(), seed=0, share=0.3)
        content = np.eye(TOPICS, dtype=np.float32)[np.arange(NUM_ITEMS) // PER_TOPIC]
        by_chance = chance(task.questions, task.is_cold)["ndcg@10"]
        for kind in (EASEModel, ItemKNNModel):
            model = kind().fit(task.train)
            before = model.score(task.questions.inputs)[:, ~task.is_cold]
            placed = with_cold_items(model, content, ~task.is_cold)
            assert figures(task, placed)[0] > max(figures(task, model)[0], 0.2)
            assert figures(task, placed)[1] > 1.5 * by_chance
            after = placed.score(task.questions.inputs)[:, ~task.is_cold]
            np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)
        popularity = with_cold_items(PopularityModel().fit(task.train), content, ~task.is_cold)
        counts = popularity.counts
        assert (counts[task.is_cold] > 0.5 * counts.mean()).all()


def never(*_: object) -> Outcome:
    raise AssertionError("no neural model was asked for")


class TestWholeRuns:
    """Both protocols from data to figures."""

    def test_cold_courses(self) -> None:
        names = ("popularity", "itemknn", "content", "pipeline")
        found = evaluate_cold_courses(topics(), fit_neural=never, names=names)
        assert found.num_cold == 6
        expected = {*names, "chance", "popularity+content", "itemknn+content", "cold_blend"}
        assert found.results.keys() == {*expected, "pipeline+exploration"}
        assert all(row.keys() == {"all", "cold"} for row in found.results.values())
        ndcg = {name: row["all"]["ndcg@10"] for name, row in found.results.items()}
        assert ndcg["popularity"] == ndcg["itemknn"] == 0
        for name in ("pipeline", "content", "itemknn+content", "cold_blend"):
            assert ndcg[name] > 2 * ndcg["chance"]
        among = {name: row["cold"] for name, row in found.results.items()}
        # All of them are cold: nothing changes but that a list breaks the scores' ties.
        assert among["pipeline+exploration"]["recall@10"] == among["pipeline"]["recall@10"] == 1
        assert among["pipeline+exploration"]["ndcg@10"] >= among["pipeline"]["ndcg@10"]

    def test_few_shots(self) -> None:
        names = ("itemknn", "pipeline")
        found = evaluate_few_shot(topics(), fit_neural=never, names=names)
        assert found.results.keys() == set(names)
        assert found.num_asked == {"0": 60, "1": 60, "2": 60, "3": 60, "5": 60, "10": 0}
        curve = {num: row["recall@10"] for num, row in found.results["pipeline"].items()}
        assert curve["1"] > curve["0"] > 0  # popularity is all there is at first

    def test_without_content_nothing_is_placed(self) -> None:
        data = replace(topics(), item_skill=np.zeros((2, 0), np.int64), skills=IdMap([]))
        found = evaluate_cold_courses(data, fit_neural=never, names=("itemknn", "content"))
        assert found.results.keys() == {"chance", "itemknn"}
        assert "content" in found.fitted.skipped


class TestPlacing:
    """The map from content to vectors."""

    def world(self, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        content = rng.normal(size=(200, 6))
        content /= np.linalg.norm(content, axis=1, keepdims=True)
        vectors = content @ rng.normal(size=(6, 4)) + 3 + noise * rng.normal(size=(200, 4))
        return vectors, content, np.arange(200) < 160

    def test_a_linear_map_is_found(self) -> None:
        vectors, content, is_warm = self.world(0.0)
        hidden = np.where(is_warm[:, None], vectors, np.nan)
        placed = place_cold_items(hidden, content, is_warm)
        np.testing.assert_allclose(placed[160:], vectors[160:], atol=0.05)
        np.testing.assert_array_equal(placed[:160], vectors[:160].astype(np.float32))

    def test_content_that_tells_nothing_leads_to_the_mean(self) -> None:
        vectors, content, is_warm = self.world(0.0)
        told = np.random.default_rng(1).permutation(content)
        placed = place_cold_items(vectors, told, is_warm)
        spread = placed[160:].std(axis=0) / vectors[160:].std(axis=0)
        assert (spread < 0.35).all()

    def test_what_is_left_out_is_foretold_by_the_others(self) -> None:
        """The closed form is the error of leaving rows out one by one."""
        from graphrec.models import cold_items

        vectors, content, _ = self.world(0.5)
        X, Y = content[:40], vectors[:40]
        for ridge in (0.1, 3.0):
            expected = np.zeros_like(Y)
            for row in range(40):
                rest = np.arange(40) != row
                A, B = X[rest], Y[rest]
                W = np.linalg.solve(
                    (A - A.mean(0)).T @ (A - A.mean(0)) + ridge * np.eye(6),
                    (A - A.mean(0)).T @ (B - B.mean(0)),
                )
                expected[row] = B.mean(0) + (X[row] - A.mean(0)) @ W
            U, s, _ = np.linalg.svd(X - X.mean(0), full_matrices=False)
            centred = Y - Y.mean(0)
            found = Y - cold_items._misses(U, s, U.T @ centred, centred, ridge)
            np.testing.assert_allclose(found, expected, atol=1e-9)

    def test_left_out_every_item_is_as_if_nobody_had_taken_it(self) -> None:
        vectors, content, is_warm = self.world(0.3)
        placed = place_cold_items(vectors, content, is_warm, left_out=True)
        again = vectors.copy()
        again[7] = 99  # what was learned of an item does not matter to itself
        changed = is_warm & (np.arange(200) != 7)
        np.testing.assert_allclose(
            place_cold_items(again, content, changed)[7], placed[7], atol=0.02
        )
        model = with_cold_items(PopularityModel(vectors[:, 0] * 10), content, is_warm)
        assert (model.counts[is_warm] == np.float32(vectors[is_warm, 0] * 10)).all()

    def test_items_that_say_nothing_and_small_catalogues_stay(self) -> None:
        vectors, content, is_warm = self.world(0.0)
        content[170] = 0
        placed = place_cold_items(vectors, content, is_warm)
        np.testing.assert_array_equal(placed[170], vectors[170].astype(np.float32))
        few = np.arange(200) < 5
        np.testing.assert_array_equal(place_cold_items(vectors, content, few), vectors.astype("f4"))


class TestFewShot:
    """First events shown, the next one asked."""

    def test_the_asked_have_left_training_and_are_shown_their_first_events(self) -> None:
        data = topics()
        data = replace(data, views=data.histories)
        task = split_few_shot(data, counts=(0, 2, 6, 9), seed=1)
        asked = task.questions[0].learners
        assert len(asked) == 60
        assert task.train.views is not None
        for left in (task.train.histories, task.train.views):
            assert left.lengths[asked].sum() == 0
            assert left.lengths.sum() == 240 * 7
        for num, questions in task.questions.items():
            for learner, shown, target in zip(
                questions.learners, questions.inputs, questions.targets, strict=True
            ):
                assert shown.tolist() == data.histories[learner][:num].tolist()
                assert target == data.histories[learner][num]
        assert len(task.questions[9]) == 0

    def test_a_panel_asks_the_same_learners_everywhere(self) -> None:
        rng = np.random.default_rng(0)
        data = bare([np.arange(n) for n in rng.integers(1, 9, 200)], 9)
        task = split_few_shot(data, counts=(0, 1, 5), is_panel=True, share=0.5)
        rows = [questions.learners.tolist() for questions in task.questions.values()]
        assert rows[0] == rows[1] == rows[2]
        assert data.histories.lengths[rows[0]].min() >= 6
        open_to_all = split_few_shot(data, counts=(0, 1, 5), share=0.5).questions
        assert len(open_to_all[0]) > len(open_to_all[1]) > len(open_to_all[5]) > 0
        with pytest.raises(ParameterError, match="10 events"):
            split_few_shot(data, counts=(9,))

    def test_an_order_that_means_nothing_is_drawn_by_the_seed(self) -> None:
        data = unordered(bare([np.arange(8)] * 50, 8))
        first, again, other = (
            split_few_shot(data, counts=(3,), seed=s, share=1.0).questions[3] for s in (0, 0, 1)
        )
        assert first.targets.tolist() == again.targets.tolist() != other.targets.tolist()
        assert len(set(first.targets.tolist())) > 4
        for shown, target in zip(first.inputs, first.targets, strict=True):
            assert len({*shown.tolist(), int(target)}) == 4

    def test_a_learner_becomes_known_by_the_first_event(self) -> None:
        task = split_few_shot(topics(), counts=(0, 1, 3), seed=0)
        model = ItemKNNModel().fit(task.train)
        curve = measure_few_shot(task, lambda _: lambda histories, __: model.score(histories))
        assert curve[0]["recall@10"] == 0.0  # nothing known: all alike
        assert curve[1]["recall@10"] > 0.6  # ten of the topic's eleven others
        assert curve[3]["recall@10"] > 0.95
        assert curve[1]["learners"] == 60

    def test_signals_are_those_of_the_moment(self) -> None:
        data = bare([[0, 1, 2]], 5)
        times = np.array([10, 20, 30])
        data = data.with_histories(replace(data.histories, times=times))
        views = replace(Histories.from_lists([[3, 4]]), times=np.array([5, 25]))
        task = split_few_shot(data, counts=(0, 2), share=1.0)
        for num, expected in ((0, [3]), (2, [3, 4])):
            known = task.signals(LearnerSignals(5, views), num).views
            assert known is not None
            assert known[0].tolist() == expected
