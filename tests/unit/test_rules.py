"""Business rules: what a file may say, what contradicts itself, what a list becomes."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graphrec.cli.rules import app
from graphrec.demo.catalogue import load_catalogue
from graphrec.errors import SourceError
from graphrec.recommend.catalogue import Catalogue
from graphrec.rules.active import RuleBook
from graphrec.rules.apply import Ranking, apply_rules
from graphrec.rules.conflicts import find_conflicts
from graphrec.rules.load import MAX_BYTES, load_rules, parse_rules
from graphrec.rules.planning import planner_inputs
from graphrec.rules.schema import RuleSet, json_schema

DOCS = Path(__file__).resolve().parents[2] / "docs"
TODAY = date(2027, 1, 15)
_HEAD = {"owner": "ann", "expires": "2027-12-31"}


def rules(*given: dict[str, Any]) -> RuleSet:
    listed = [_HEAD | {"id": f"r{n}"} | one for n, one in enumerate(given)]
    found = parse_rules(json.dumps({"version": 1, "rules": listed}))
    assert found.rules is not None, found.faults
    return found.rules


@pytest.fixture(scope="module")
def academy() -> Catalogue:
    return Catalogue.from_tables(load_catalogue())


def _codes(given: RuleSet, catalogue: Catalogue | None = None) -> dict[str, bool]:
    return {one.code: one.is_error for one in find_conflicts(given, TODAY, catalogue)}


def test_the_schema_is_the_one_in_docs() -> None:
    assert json.loads((DOCS / "rules.schema.json").read_text(encoding="utf-8")) == json_schema()


def test_the_example_has_a_rule_of_each_kind_and_no_conflict(academy: Catalogue) -> None:
    found = load_rules(DOCS / "rules.example.yaml")
    assert len({rule.kind for rule in found.rules}) == 8
    assert find_conflicts(found, TODAY, academy) == []


_RULE = "version: 1\nrules:\n  - id: a\n    kind: boost\n    owner: o\n    expires: 2027-12-31\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (_RULE + "    courses: [x]\n    facter: 2\n", 8, "did you mean 'factor'?"),
        (_RULE + "    courses: [x]\n", 3, "'factor' is missing"),
        (_RULE + "    factor: 2\n", 3, "say which: courses"),
        (_RULE + "    courses: [x]\n    factor: 99\n", 8, "less than or equal to 10"),
        (_RULE + "    courses: [x]\n    factor: .nan\n", 8, "factor"),
        (_RULE + "    courses: [x, 7]\n    factor: 2\n", 7, "courses.1"),
        (_RULE.replace("boost", "bost"), 4, "did you mean 'boost'?"),
        (_RULE.replace("2027-12-31", "2027-02-31"), 6, "2027-02-31"),
        (_RULE.replace("2027-12-31", "20271231"), 6, "must be a date"),
        (_RULE + "    id: b\n", 7, "stands here twice"),
        ("version: 1\nruels: []\n", 2, "did you mean 'rules'?"),
        ("version: 2\n", 1, "version"),
        ("rules: []\n", 1, "'version' is missing"),
        ("a: &x [1]\nb: *x\n", 1, "anchors and aliases"),
        ("version: 1\nrules: !!python/object:os.system [x]\n", 2, "tags ("),
        ("version: 1\nrules: [" + "[" * 5_000, 2, "nested deeper"),
        ("version: 1\nrules: {a: 1}\n", 2, "is no list"),
        ("version: 1\nrules:\n  - 7\n", 3, "a rule is a mapping"),
        ("version: [\n", 2, ""),
        ("", 1, "is empty"),
        ("- 1\n", 1, "is no mapping"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, line: int, says: str) -> None:
    found = parse_rules(text)
    assert found.rules is None
    assert [f for f in found.faults if f.line == line and says in f.message], found.faults


def test_two_rules_of_one_id_and_all_faults_at_once(tmp_path: Path) -> None:
    again = "\n".join((_RULE + "    courses: [x]\n    factor: 2\n").splitlines()[2:])
    path = tmp_path / "rules.yaml"
    path.write_text(f"{_RULE}    courses: [x]\n    factor: 2\n{again}\n  - {{}}\n", "utf-8")
    with pytest.raises(SourceError) as told:
        load_rules(path)
    assert f"{path}:9:" in str(told.value)
    assert "that of the rule on line 3" in str(told.value)
    assert f"{path}:15: a rule needs a kind" in str(told.value)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        load_rules(tmp_path / "none.yaml")
    (tmp_path / "big").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SourceError, match="larger than"):
        load_rules(tmp_path / "big")
    (tmp_path / "odd").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="UTF-8"):
        load_rules(tmp_path / "odd")


_MUST = {"kind": "must_take", "courses": ["a", "b"], "roles": ["x"]}


@pytest.mark.parametrize(
    ("code", "is_error", "given"),
    [
        ("must_take_blackout", True, [_MUST, {"kind": "blackout", "courses": ["b"]}]),
        ("must_take_cap", True, [{"kind": "cap", "courses": ["a", "b"], "at_most": 1}, _MUST]),
        (
            "must_take_price",
            True,
            [_MUST, {"kind": "price", "currency": "EUR", "prices": {"a": 9}, "limit": 5}],
        ),
        (
            "must_take_licence",
            True,
            [_MUST, {"kind": "licence", "courses": ["a"], "licensed_roles": ["y"]}],
        ),
        (
            "must_take_sequence",
            False,
            [_MUST, {"kind": "sequence", "courses": ["c", "a"]}],
        ),
        (
            "sequence_cycle",
            True,
            [
                {"kind": "sequence", "courses": ["a", "b", "c"]},
                {"kind": "sequence", "courses": ["c", "a"], "roles": ["x"]},
            ],
        ),
        ("boost_bound", True, [{"kind": "boost", "courses": ["a"], "factor": 4}] * 2),
        ("quota_share", False, [{"kind": "quota", "courses": ["a"], "share": 0.6}] * 2),
        (
            "quota_empty",
            True,
            [
                {"kind": "quota", "courses": ["a"], "share": 0.6},
                {"kind": "blackout", "courses": ["a", "b"]},
            ],
        ),
        (
            "two_prices",
            True,
            [{"kind": "price", "currency": "EUR", "prices": {"a": n}} for n in (1, 2)],
        ),
        (
            "currencies",
            True,
            [{"kind": "price", "currency": c, "prices": {"a": 1}} for c in ("EUR", "USD")],
        ),
        ("expired", False, [_MUST | {"expires": "2026-01-01"}]),
        ("expires_soon", False, [_MUST | {"expires": "2027-01-20"}]),
    ],
)
def test_a_conflict_is_found(code: str, is_error: bool, given: list[dict[str, Any]]) -> None:
    assert _codes(rules(*given)) == {code: is_error}


def test_rules_that_never_meet_are_in_no_conflict() -> None:
    blackout = {"kind": "blackout", "courses": ["a"]}
    assert _codes(rules(_MUST, blackout | {"roles": ["y"]})) == {}
    apart = [_MUST | {"starts": "2027-06-01"}, blackout | {"expires": "2027-05-31"}]
    assert _codes(rules(*apart)) == {}


def test_ids_are_looked_up(academy: Catalogue) -> None:
    given = rules(
        {"kind": "must_take", "courses": ["pyton-core"], "roles": ["data-analist"]},
        {"kind": "boost", "providers": ["lindenhof akademie"], "factor": 2},
        {"kind": "blackout", "providers": ["Nobody"], "skills": ["no-skill"]},
    )
    told = [one.message for one in find_conflicts(given, TODAY, academy) if one.is_error]
    assert [one.rsplit("catalogue has ")[-1] for one in told] == [
        "no course 'pyton-core'; did you mean 'python-core'?",
        "no role 'data-analist'; did you mean 'data-analyst'?",
        "no skill 'no-skill'.",
        "no provider 'Nobody'.",
    ]


def _apply(academy: Catalogue, given: RuleSet, ids: list[str], k: int, **more: Any) -> Any:
    roles = frozenset(more.pop("roles", ()))
    active = RuleBook(given, academy).in_force(roles, TODAY)
    return apply_rules(active, Ranking.of(ids, [-float(n) for n in range(len(ids))]), k, **more)


def test_what_each_rule_does_is_told(academy: Catalogue) -> None:
    given = rules(
        {"kind": "blackout", "courses": ["python-core"]},
        {"kind": "boost", "courses": ["agile-foundations"], "factor": 10},
        {"kind": "must_take", "courses": ["writing-at-work"], "due": "2027-02-01"},
        {"kind": "sequence", "courses": ["sql-first-steps", "how-the-web-works"]},
    )
    ids = ["python-core", "how-the-web-works", "linux-for-beginners", "agile-foundations"]
    found = _apply(
        academy, given, [*ids, "sql-first-steps"], 5, may_be_given=lambda c: c == "writing-at-work"
    )
    assert found.ranking.course_ids == (
        "writing-at-work",
        "agile-foundations",
        "linux-for-beginners",
        "sql-first-steps",
        "how-the-web-works",
    )
    told = [(c.rule_id, c.effect, c.before, c.after) for c in found.changes]
    assert told == [
        ("r2", "required", None, 1),
        ("r1", "boosted", 4, 2),
        ("r3", "held_back", 2, 5),
        ("r0", "withheld", 1, None),
    ]
    assert list(found.scores) == sorted(found.scores, reverse=True)
    taken = _apply(academy, given, ids, 4, taken={"sql-first-steps"})
    assert taken.ranking.course_ids[1] == "how-the-web-works"


def test_who_a_rule_is_for_and_when(academy: Catalogue) -> None:
    ids = ["python-core", "agile-foundations"]
    must = {"kind": "must_take", "courses": [ids[1]], "roles": ["data-analyst"]}
    assert _apply(academy, rules(must), ids, 2).changes == ()
    found = _apply(academy, rules(must), ids, 2, roles=["data-analyst"])
    assert found.ranking.course_ids[0] == ids[1]
    late = must | {"due": "2027-06-01", "lead_days": 30}
    assert _apply(academy, rules(late), ids, 2, roles=["data-analyst"]).changes == ()
    licence = {"kind": "licence", "courses": [ids[0]], "licensed_roles": ["data-analyst"]}
    assert len(_apply(academy, rules(licence), ids, 2).ranking.course_ids) == 1
    assert _apply(academy, rules(licence), ids, 2, roles=["data-analyst"]).changes == ()


def test_a_quota_takes_the_last_places(academy: Catalogue) -> None:
    ids = ["python-core", "concurrent-python", "pytest-in-depth", "deutsch-a1", "francais-a1"]
    quota = {"kind": "quota", "courses": ids[3:], "share": 0.5}
    found = _apply(academy, rules(quota), ids, 4)
    assert found.ranking.course_ids == (ids[0], ids[1], ids[3], ids[4])
    assert not found.is_short


def test_the_planner_gets_what_concerns_paths(academy: Catalogue) -> None:
    given = rules(
        {"kind": "must_take", "courses": ["python-core", "deutsch-a1"]},
        {"kind": "price", "currency": "EUR", "prices": {"deutsch-a1": 9, "a": 1}, "limit": 5},
        {"kind": "sequence", "courses": ["a", "b"]},
    )
    told = planner_inputs(RuleBook(given, academy).in_force(frozenset(), TODAY))
    assert told.must_take == ("python-core",)
    assert told.exclude == ("deutsch-a1",)
    assert told.before.keys() == {("a", "b")}
    assert (told.costs, told.currency) == ({"a": 1.0, "deutsch-a1": 9.0}, "EUR")
    assert told.sources == {"python-core": "r0", "deutsch-a1": "r1"}


def test_the_command_checks(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(_RULE + "    courses: [x]\n    facter: 2\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(path), "--no-catalogue"])
    assert done.exit_code == 1
    assert f"{path}:8: error: rule 'a': there is no key 'facter'" in done.stdout
    good = str(DOCS / "rules.example.yaml")
    done = CliRunner().invoke(app, ["check", good, "--no-catalogue", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["num_rules"] == 9
