"""The manifests of deploy/kuberay: they parse, agree with each other, and with this version."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from graphrec.cli.main import app
from graphrec.version import __version__

yaml = pytest.importorskip("yaml", reason="PyYAML comes with graphrec[train]")

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "deploy" / "kuberay"
MANIFESTS = ("storage.yaml", "raycluster.yaml", "rayjob.yaml")


def manifest(name: str) -> dict[str, Any]:
    (document,) = yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
    return document


def clusters() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "raycluster.yaml", manifest("raycluster.yaml")["spec"]
    yield "rayjob.yaml", manifest("rayjob.yaml")["spec"]["rayClusterSpec"]


def groups(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [spec["headGroupSpec"], *spec["workerGroupSpecs"]]


def pods(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [group["template"]["spec"] for group in groups(spec)]


def job_options() -> dict[str, Any]:
    """Options of the RayJob's entrypoint, parsed as the command line parses them."""
    program, *arguments = shlex.split(manifest("rayjob.yaml")["spec"]["entrypoint"])
    assert program == "graphrec"
    group: Any = typer.main.get_command(app)
    context = group.make_context("graphrec", arguments[:1], resilient_parsing=True)
    name, command, rest = group.resolve_command(context, arguments)
    assert name == "train"
    options: dict[str, Any] = command.make_context(name, rest, parent=context).params
    return options


def test_manifests_are_of_their_kind() -> None:
    kinds = {name: (manifest(name)["apiVersion"], manifest(name)["kind"]) for name in MANIFESTS}
    assert kinds == {
        "storage.yaml": ("v1", "PersistentVolumeClaim"),
        "raycluster.yaml": ("ray.io/v1", "RayCluster"),
        "rayjob.yaml": ("ray.io/v1", "RayJob"),
    }
    assert sorted(path.name for path in FOLDER.glob("*.yaml")) == sorted(MANIFESTS)


def test_both_clusters_are_the_same() -> None:
    (_, standing), (_, of_job) = clusters()
    assert standing == of_job


def test_versions_are_those_of_this_checkout() -> None:
    pinned = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
    dockerfile = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    for _, spec in clusters():
        assert spec["rayVersion"] == pinned["ray"]
        images = {container["image"] for pod in pods(spec) for container in pod["containers"]}
        assert images == {f"graphrec:{__version__}"}
    assert f"-t graphrec:{__version__} ." in dockerfile
    assert f"-t graphrec:{__version__} ." in (FOLDER / "README.md").read_text(encoding="utf-8")
    for source in re.findall(r"^COPY (.*) \S+$", dockerfile, flags=re.M):
        assert all((ROOT / name).exists() for name in source.split())


def test_every_pod_sees_the_store() -> None:
    claim, store = manifest("storage.yaml"), job_options()["store"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for _, spec in clusters():
        for pod in pods(spec):
            (volume,), (container,) = pod["volumes"], pod["containers"]
            (mount,) = container["volumeMounts"]
            assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
            assert mount == {"name": volume["name"], "mountPath": str(store)}
            assert pod["securityContext"]["runAsNonRoot"]


def test_the_job_trains_on_the_cluster_it_brings() -> None:
    options = job_options()
    spec = manifest("rayjob.yaml")["spec"]["rayClusterSpec"]
    (worker,) = spec["workerGroupSpecs"]
    assert options["ray_address"] == "auto"
    assert options["snapshot"] == options["store"] / "snapshots" / "SNAPSHOT_ID"
    (container,) = worker["template"]["spec"]["containers"]
    requests = container["resources"]["requests"]
    assert worker["minReplicas"] <= worker["replicas"] <= worker["maxReplicas"]
    assert worker["replicas"] * int(requests["cpu"]) >= options["workers"]
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"  # no worker beside the driver
    for pod in pods(spec):
        resources = pod["containers"][0]["resources"]
        assert resources["requests"] == resources["limits"]  # never evicted for what it uses


def test_the_token_comes_from_the_secret_that_the_readme_makes() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    made = re.search(r"create secret generic (\S+) --from-literal=(\w+)=", readme)
    assert made
    for _, spec in clusters():
        assert spec["authOptions"] == {"mode": "token", "secretName": made[1]}
    assert made[2] == "auth_token"  # the key that KubeRay reads
    assert f"secret {made[1]} -o jsonpath='{{.data.{made[2]}}}'" in readme
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.iterdir()]
    assert not any(re.search(r"kind: Secret\b", text) for text in texts)


def test_ports_are_those_of_ray_and_of_the_readme() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for _, spec in clusters():
        (head,) = spec["headGroupSpec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in head["ports"]}
        assert ports == {"gcs": 6379, "dashboard": 8265, "client": 10001}
        assert f"{ports['dashboard']}:{ports['dashboard']}" in readme
    name = manifest("raycluster.yaml")["metadata"]["name"]
    assert f"service/{name}-head-svc" in readme  # as KubeRay names it
    assert "SNAPSHOT_ID" in readme
