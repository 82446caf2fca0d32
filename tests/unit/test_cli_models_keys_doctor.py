"""The commands models, keys and doctor, and the command line that finds them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from graphrec.access import KeyStore
from graphrec.bundle import BundleStore
from graphrec.cli import doctor_install, doctor_store, keys, models
from graphrec.cli.doctor import doctor
from graphrec.cli.main import app as main_app
from graphrec.errors import AccessError, BundleDamagedError, BundleError, BundleMissingError
from graphrec.graph.store import open_store
from graphrec.settings import Settings

_doctor_app = typer.Typer()
_doctor_app.command()(doctor)
_DiskUsage = namedtuple("_DiskUsage", "total used free")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("GRAPHREC_GRAPH_URL", raising=False)
    return Settings(store=tmp_path / "store", graph_buffer_mb=64, graph_max_gb=1)


@pytest.fixture
def bundles(settings: Settings) -> BundleStore:
    return BundleStore(settings.bundles_dir)


def run(app: typer.Typer, settings: Settings, *arguments: str) -> str:
    """Run a command on the store; its errors are raised as they are."""
    result = CliRunner().invoke(
        app, [*arguments, "--store", str(settings.store_dir)], env={"COLUMNS": "200"}
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def run_json(app: typer.Typer, settings: Settings, *arguments: str) -> Any:
    return json.loads(run(app, settings, *arguments, "--json"))


def publish(bundles: BundleStore, number: int, **info: Any) -> str:
    return bundles.publish(lambda writer: writer.json("number", number), info=info).id


# graphrec models


def test_no_models_yet_says_how_to_get_one(settings: Settings) -> None:
    assert "graphrec train" in run(models.app, settings, "list")
    assert run_json(models.app, settings, "list") == []
    with pytest.raises(BundleMissingError, match="graphrec train"):
        run(models.app, settings, "show")


def test_models_are_listed_shown_and_verified(settings: Settings, bundles: BundleStore) -> None:
    metrics = {"popularity": {"ndcg@10": 0.1}, "pipeline": {"ndcg@10": 0.25}, "[red]": 1}
    one = publish(bundles, 1, snapshot_hash="f" * 64, metrics=metrics, models=["graph"], seed=3)
    bundles.set_alias("champion", one)

    shown = run(models.app, settings, "list")
    assert one in shown
    assert "champion" in shown
    assert "pipeline.ndcg@10 0.2500" in shown

    (listed,) = run_json(models.app, settings, "list")
    assert (listed["id"], listed["aliases"], listed["metrics"]) == (one, ["champion"], metrics)
    assert set(listed) >= {"created_at", "snapshot_hash", "models", "bytes", "damage"}

    assert "metrics.[red]" in run(models.app, settings, "show")
    assert run_json(models.app, settings, "show", one)["seed"] == 3
    assert run_json(models.app, settings, "verify") == {"id": one, "ref": "champion"}
    assert "2 files are as published" in run(models.app, settings, "verify")


def test_models_are_promoted_rolled_back_and_removed(
    settings: Settings, bundles: BundleStore
) -> None:
    first, second = publish(bundles, 1), publish(bundles, 2)
    assert run_json(models.app, settings, "promote", first)["alias"] == "champion"
    run(models.app, settings, "promote", second)
    run(models.app, settings, "promote", first, "--alias", "challenger")
    assert (bundles.alias("champion"), bundles.alias("challenger")) == (second, first)
    assert first in run(models.app, settings, "rollback")
    assert bundles.alias("champion") == first
    with pytest.raises(BundleError, match="in use as challenger, champion"):
        run(models.app, settings, "remove", first)
    assert run_json(models.app, settings, "remove", second) == {"id": second}
    assert [info.id for info in bundles.list()] == [first]


def test_a_damaged_model_is_listed_but_not_promoted(
    settings: Settings, bundles: BundleStore
) -> None:
    one, two = publish(bundles, 1), publish(bundles, 2)
    (bundles.root / one / "number.json").write_text("2\n")
    for command in ("verify", "promote"):
        with pytest.raises(BundleDamagedError, match=r"number\.json"):
            run(models.app, settings, command, one)
    assert bundles.alias("champion") is None
    (bundles.root / two / "manifest.json").unlink()
    assert "damaged: the manifest is missing" in run(models.app, settings, "list")


# graphrec keys


def test_keys_are_created_listed_and_revoked(settings: Settings) -> None:
    store = KeyStore(settings.keys_path)
    assert "graphrec keys create NAME" in run(keys.app, settings, "list")
    out = run(keys.app, settings, "create", "[b]acme[/b]")
    secret = next(line for line in out.splitlines() if line.startswith("gr_"))
    assert store.verify(secret).scopes == ("integrator",)

    made = run_json(keys.app, settings, "create", "boss", "--scope", "designer", "--scope", "admin")
    assert store.verify(made["key"]).scopes == ("designer", "admin")
    assert made["scopes"] == ["designer", "admin"]

    listed = run(keys.app, settings, "list")
    assert "[b]acme[/b]" in listed
    assert secret.split("_")[2] not in listed
    assert [set(key) for key in run_json(keys.app, settings, "list")] == [
        {"id", "name", "scopes", "created_at", "revoked_at"}
    ] * 2

    assert run_json(keys.app, settings, "revoke", made["id"])["revoked_at"] is not None
    assert "[b]acme[/b]" in run(keys.app, settings, "revoke", "[b]acme[/b]")
    assert run(keys.app, settings, "list").count("revoked") == 2
    with pytest.raises(AccessError):
        store.verify(secret)


# graphrec doctor


def checks_of(settings: Settings) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in run_json(_doctor_app, settings)}


def test_doctor_on_an_empty_machine_warns_and_changes_nothing(settings: Settings) -> None:
    found = checks_of(settings)
    assert {"python", "packages of the core", "onnxruntime", "index", "store", "disk"} <= set(found)
    assert all(found[name]["status"] == "ok" for name in ("python", "store", "keys", "index"))
    for name in ("graph", "bundle"):
        assert found[name]["status"] == "warn"
        assert found[name]["meaning"]
        assert "graphrec" in found[name]["remedy"]
    assert not settings.store_dir.exists()


def test_doctor_finds_all_well(settings: Settings, bundles: BundleStore) -> None:
    bundles.set_alias("champion", publish(bundles, 1))
    KeyStore(settings.keys_path).create("acme", ["admin"])
    found = {
        c.name: c
        for c in (*doctor_store.check_bundle(settings), *doctor_store.check_keys(settings))
    }
    assert {check.status for check in found.values()} == {"ok"}
    assert found["keys"].found == "1 valid"


def test_doctor_fails_on_a_damaged_bundle_and_keys(
    settings: Settings, bundles: BundleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_install, "check_scann", lambda: iter(()))
    one = publish(bundles, 1)
    bundles.set_alias("champion", one)
    (bundles.root / one / "number.json").write_text("2\n")
    settings.keys_path.write_text("garbage")
    arguments = ["--store", str(settings.store_dir)]
    result = CliRunner().invoke(_doctor_app, arguments, env={"COLUMNS": "250"})
    assert result.exit_code == 1
    assert "does not match its checksum" in result.stdout
    assert "2 fail" in result.stdout


def test_doctor_names_an_empty_and_an_owned_graph(settings: Settings) -> None:
    with open_store(settings):
        (owned,) = doctor_store.check_graph(settings)
    assert owned.status == "warn"
    assert owned.remedy
    (empty,) = doctor_store.check_graph(settings)
    assert (empty.status, empty.found.endswith("empty")) == ("warn", True)


def test_doctor_fails_where_neo4j_does_not_answer(settings: Settings) -> None:
    away = settings.model_copy(update={"graph_url": "bolt://127.0.0.1:1"})
    (check,) = doctor_store.check_graph(away)
    assert check.status == "fail"
    assert "bolt://127.0.0.1:1" in check.found
    assert check.remedy


def test_doctor_warns_of_keys_that_others_can_read(settings: Settings) -> None:
    KeyStore(settings.keys_path).create("acme", ["admin"])
    settings.keys_path.chmod(0o644)
    (check,) = doctor_store.check_keys(settings)
    assert (check.status, check.remedy) == ("warn", f"chmod 600 {settings.keys_path}")


@pytest.mark.parametrize(("free_gb", "status"), [(5, "ok"), (1, "warn"), (0.1, "fail")])
def test_doctor_watches_the_disk(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free_gb: float, status: str
) -> None:
    usage = _DiskUsage(1, 1, int(free_gb * 1e9))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    _, disk = doctor_store.check_store(settings)
    assert disk.status == status
    assert bool(disk.remedy) is (status != "ok")


def test_doctor_fails_where_nothing_can_be_written(settings: Settings, monkeypatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(doctor_store.tempfile, "TemporaryFile", refuse)
    store, _ = doctor_store.check_store(settings)
    assert store.status == "fail"
    assert "--store" in store.remedy


def test_doctor_names_missing_and_old_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [
        "numpy>=2.2",
        "pyarrow>=999.1",
        "nosuchpackage>=1; sys_platform != 'nosuchsystem'",
        "winonly>=1; sys_platform == 'nosuchsystem'",
        'ray[data,train]>=2.60; extra == "train"',
        'nosuchtorch>=2.11; extra == "train"',
    ]
    monkeypatch.setattr(doctor_install, "requires", lambda _: wanted)
    core, train, text, neo4j = doctor_install.check_packages()
    assert core.status == "fail"
    assert "pyarrow" in core.found
    assert "is older than 999.1, nosuchpackage is missing" in core.found
    assert (train.status, train.found) == ("warn", "nosuchtorch is missing")
    assert "pip install --upgrade 'graphrec[train]'" in train.remedy
    assert (text.status, neo4j.status) == ("ok", "ok")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (SimpleNamespace(returncode=0, stdout='["scann-brute-force", 0]', stderr=""), "ok"),
        (SimpleNamespace(returncode=0, stdout='["exact", 0]', stderr=""), "warn"),
        (SimpleNamespace(returncode=0, stdout='["exact", 3]', stderr=""), "fail"),
        (SimpleNamespace(returncode=-4, stdout="", stderr="Illegal instruction"), "fail"),
        (subprocess.TimeoutExpired("python", 60), "fail"),
    ],
)
def test_doctor_judges_the_index(monkeypatch, answer: Any, status: str) -> None:
    def answered(*_: object, **__: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(doctor_install.subprocess, "run", answered)
    monkeypatch.setattr(doctor_install.sys, "platform", "linux")
    (check,) = doctor_install.check_scann()
    assert check.status == status
    assert bool(check.remedy) is (status != "ok")


def test_a_check_that_trips_does_not_stop_the_others(settings: Settings, monkeypatch) -> None:
    def trip() -> None:
        raise RuntimeError("tripped")

    monkeypatch.setattr(doctor_install, "check_scann", trip)
    result = CliRunner().invoke(_doctor_app, ["--json", "--store", str(settings.store_dir)])
    assert result.exit_code == 1
    found = {check["name"]: check for check in json.loads(result.stdout)}
    assert found["scann"]["found"] == "RuntimeError: tripped"
    assert "bundle" in found


# The command line around them


def graphrec(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "graphrec.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_real_command_answers_and_exits_as_it_should(tmp_path: Path) -> None:
    store = ("--store", str(tmp_path))
    made = graphrec("keys", "create", "acme", "--json", *store)
    assert made.returncode == 0, made.stderr
    assert KeyStore(tmp_path / "keys.json").verify(json.loads(made.stdout)["key"]).name == "acme"

    missing = graphrec("models", "show", "nosuch", *store)
    assert (missing.returncode, missing.stdout) == (BundleMissingError.exit_code, "")
    assert missing.stderr.startswith("error: ")
    assert "Traceback" not in missing.stderr
    assert len(missing.stderr.splitlines()) == 1


def test_help_names_every_command_and_imports_none() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from graphrec.cli.main import app\n"
        "result = CliRunner().invoke(app, ['--help']); print(result.output)\n"
        "loaded = [m for m in sys.modules if m.startswith('graphrec.cli.')]\n"
        "assert loaded == ['graphrec.cli.main'], loaded\n"
        "assert not {'numpy', 'pyarrow', 'scann', 'torch'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    for name in ("demo", "import", "export", "evaluate", "recommend", "path", "query", "models"):
        assert f"\n  {name} " in ran.stdout


@pytest.mark.parametrize(
    "arguments", [["keys", "--help"], ["models", "--help"], ["doctor", "--help"]]
)
def test_help_of_a_command_is_its_own(arguments: list[str]) -> None:
    result = CliRunner().invoke(main_app, arguments)
    assert result.exit_code == 0
    assert "Usage" in result.output
    assert arguments[0] in result.output


def test_an_unknown_command_is_named_with_the_nearest() -> None:
    result = CliRunner().invoke(main_app, ["modls"])
    assert result.exit_code == 2
    assert "Did you mean 'models'?" in result.output
    assert CliRunner().invoke(main_app, ["nosuch"]).exit_code == 2
    assert CliRunner().invoke(main_app, ["--version"]).output.startswith("graphrec ")
