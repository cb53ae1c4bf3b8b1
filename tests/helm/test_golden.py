"""What the chart makes of twelve sets of values: the golden files, and what has to hold of each; no helm is needed."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import render
import yaml
from tailgate.cli import main as cli
from tailgate.cli.tables import TABLES
from tailgate.config.loader import load
from tailgate.config.model import Configuration
from tailgate.kernel import load as load_kernel
from tailgate.pipeline import Service

CASES = {path.stem: path for path in render.cases()}
OWN_FILES = "/etc/tailgate-"


def objects(case: str) -> list[dict[str, Any]]:
    """The objects of a golden file."""
    text = render.golden(CASES[case]).read_text(encoding="utf-8")
    return [document for document in yaml.safe_load_all(text) if document is not None]


def only(case: str, kind: str, name: str = "") -> dict[str, Any]:
    """The one object of a kind."""
    (found,) = [o for o in objects(case) if o["kind"] == kind and o["metadata"]["name"].endswith(name)]
    return found


def pods(case: str) -> list[dict[str, Any]]:
    """The pod templates of a case; the sidecar's is its patch."""
    found = [o["spec"]["template"]["spec"] for o in objects(case) if o["kind"] in ("DaemonSet", "Deployment", "Job")]
    patches = [o["data"]["patch.yaml"] for o in objects(case) if "patch.yaml" in o.get("data", {})]
    return found + [yaml.safe_load(patch)["spec"]["template"]["spec"] for patch in patches]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """The containers of the chart's image."""
    return [c for c in pod.get("initContainers", []) + pod.get("containers", []) if "tailgate" in c["image"]]


def mounted(case: str, folder: Path) -> Path:
    """Write the ConfigMaps of a case as the kubelet mounts them; return the configuration."""
    version = folder / "etc" / "..2026_01_01"
    version.mkdir(parents=True)
    (folder / "etc" / "..data").symlink_to(version.name)
    for one in objects(case):
        for key, text in one.get("data", {}).items() if one["kind"] == "ConfigMap" else ():
            (version / key).write_text(text.replace(OWN_FILES, f"{folder}/"), encoding="utf-8")
            (folder / "etc" / key).symlink_to(f"..data/{key}")
    (folder / "hmac").mkdir()
    (folder / "hmac" / "hmac.key").write_bytes(b"k" * 32)
    return folder / "etc" / "tailgate.yaml"


def environment(case: str) -> dict[str, str]:
    """The variables that the container is given."""
    return {e["name"]: e.get("value", "something") for pod in pods(case) for c in containers(pod) for e in c["env"]}


def loaded(case: str, folder: Path) -> Configuration:
    """What Tailgate's own loader makes of the rendered configuration."""
    return load([mounted(case, folder)], TABLES, environment(case))


WITH_CONFIG = [case for case in CASES if case != "existing"]


def test_there_are_enough() -> None:
    """Guarantees: at least ten sets of values, each with its golden file and no golden file without one."""
    assert len(CASES) >= 10
    assert {p.name for p in (render.CASES / "golden").iterdir()} == {p.name for p in CASES.values()}


@pytest.mark.parametrize("case", WITH_CONFIG)
def test_the_configuration_loads(case: str, tmp_path: Path) -> None:
    """Scenario: the rendered ConfigMaps as the kubelet mounts them. Guarantees: they load without a warning."""
    config = loaded(case, tmp_path)
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("case", "pipelines"), [("default", 3), ("gateway", 3), ("rules", 3), ("config", 2), ("alternate", 1)]
)
def test_pipelines_can_be_built(case: str, pipelines: int, tmp_path: Path) -> None:
    """Guarantees: what loads can also run: traces, logs and metrics, unless the values say otherwise."""

    async def build() -> int:
        return len(Service(loaded(case, tmp_path), load_kernel("reference")).pipelines)

    assert asyncio.run(build()) == pipelines


def test_helm_test_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scenario: `helm test`. Guarantees: the Job's own arguments pass on the shipped rules, and fail on wrong ones."""
    file = mounted("default", tmp_path)
    (pod,) = [pod for pod in pods("default") if pod.get("restartPolicy") == "Never"]
    for container in pod["initContainers"] + pod["containers"]:
        arguments = [str(file) if a == "/etc/tailgate/tailgate.yaml" else a for a in container["args"]]
        assert cli(arguments) == 0, capsys.readouterr()
    rules = file.parent / "..data" / "sampling.yaml"
    rules.write_text(rules.read_text().replace("policy: forced, reason: matched", "policy: errors"))
    assert cli(["test", str(file)]) == 1


@pytest.mark.parametrize("case", CASES)
def test_containers_are_hardened(case: str) -> None:
    """Guarantees: not root, a read-only root, no capabilities, no escalation, seccomp, limits, no token."""
    for pod in pods(case):
        assert pod.get("automountServiceAccountToken", False) is (case == "metadata" and "restartPolicy" not in pod)
        for container in containers(pod):
            context = container["securityContext"]
            assert context["runAsNonRoot"]
            assert context["readOnlyRootFilesystem"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
            assert container["resources"]["requests"]


@pytest.mark.parametrize("case", CASES)
def test_rules_are_mounted_as_a_folder(case: str) -> None:
    """Guarantees: nothing is mounted by `subPath`, through which changes never arrive."""
    for pod in pods(case):
        for container in containers(pod):
            assert all("subPath" not in mount for mount in container["volumeMounts"])
            assert [m["mountPath"] for m in container["volumeMounts"] if m["name"] == "config"] == ["/etc/tailgate"]


@pytest.mark.parametrize("case", CASES)
def test_stopping_takes_less_than_the_kubelet_allows(case: str, tmp_path: Path) -> None:
    """Guarantees: the drain ends before the kubelet kills."""
    if case in ("existing", "alternate"):
        pytest.skip("the configuration is somebody else's")
    text = next(o["data"]["tailgate.yaml"] for o in objects(case) if "tailgate.yaml" in o.get("data", {}))
    grace = int(yaml.safe_load(text)["service"]["shutdown_grace"].removesuffix("s"))
    for pod in pods(case):
        if "terminationGracePeriodSeconds" in pod:
            assert pod["terminationGracePeriodSeconds"] > grace


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("default", (512 * 80 // 100, 512 // 5)),
        ("gateway", (1638, 409)),
        ("config", (1144, 286)),
        ("sidecar", (409, 102)),
    ],
)
def test_the_memory_limiter_follows_the_limit(case: str, expected: tuple[int, int]) -> None:
    """Guarantees: 80 % of the container's memory, soft a quarter below, in whatever unit it is written."""
    text = next(o["data"]["tailgate.yaml"] for o in objects(case) if "tailgate.yaml" in o.get("data", {}))
    limiter = yaml.safe_load(text)["processors"]["memory_limiter"]
    assert (limiter["limit_mib"], limiter["spike_limit_mib"]) == expected


def test_null_takes_a_key_away() -> None:
    """Guarantees: `batch: null` in `config` is no batch, and what else is there stays."""
    config = yaml.safe_load(only("config", "ConfigMap", "tailgate")["data"]["tailgate.yaml"])
    assert "batch" not in config["processors"]
    assert config["processors"]["tail_sampling"] == {"rules": "sampling.yaml", "decision_wait": "30s"}
    assert config["exporters"]["otlp"]["endpoint"] == "collector:4317"


def test_rules_do_not_roll_the_pods() -> None:
    """Guarantees: sets of values that differ in rules and exporters only have the same pod template."""
    one, other = only("default", "DaemonSet"), only("rules", "DaemonSet")
    assert one == other


def test_services_reach_the_pods_and_not_the_test() -> None:
    """Guarantees: the selectors of the workload, Service, budget and policy are those of the pods, not of the Job's."""
    for case in ("default", "gateway"):
        service = only(case, "Service")["spec"]["selector"].items()
        workload = only(case, "DaemonSet" if case == "default" else "Deployment")["spec"]
        assert service <= workload["template"]["metadata"]["labels"].items()
        assert workload["selector"]["matchLabels"].items() <= workload["template"]["metadata"]["labels"].items()
        assert not service <= only(case, "Job")["spec"]["template"]["metadata"]["labels"].items()


def test_traffic_stays_on_the_node() -> None:
    """Guarantees: a DaemonSet's Service is Local; a gateway's is not."""
    assert only("default", "Service")["spec"]["internalTrafficPolicy"] == "Local"
    assert only("gateway", "Service")["spec"]["internalTrafficPolicy"] == "Cluster"


def test_the_role_is_as_small_as_it_can_be() -> None:
    """Guarantees: nothing without metadata; with it only reading, and no Secrets."""
    for case in CASES:
        roles = [o for o in objects(case) if o["kind"] == "ClusterRole"]
        assert bool(roles) == (case == "metadata")
        for rule in (rule for role in roles for rule in role["rules"]):
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
            assert set(rule["resources"]) <= {"pods", "namespaces", "nodes", "replicasets", "deployments"}


def test_the_plain_manifest_is_the_chart() -> None:
    """Guarantees: the same objects as by default but for the test, a namespace that they are in, nothing of Helm's."""
    text = render.MANIFEST.read_text(encoding="utf-8")
    plain = [document for document in yaml.safe_load_all(text) if document is not None]
    names = [(o["kind"], o["metadata"]["name"]) for o in plain]
    assert names[0] == ("Namespace", "observability")
    assert {o["metadata"]["namespace"] for o in plain[1:]} == {"observability"}
    expected = {(o["kind"], o["metadata"]["name"]) for o in objects("default")}
    assert set(names[1:]) == {name for name in expected if not name[1].endswith("-test")}
    assert "helm.sh" not in text
    assert "Helm" not in text.partition("---")[2]


def test_the_image_is_named_once() -> None:
    """Guarantees: values, the chart's annotation and the plain manifest name one image; no template names another."""
    chart = yaml.safe_load((render.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    repository = yaml.safe_load((render.CHART / "values.yaml").read_text(encoding="utf-8"))["image"]["repository"]
    image = f"{repository}:{chart['appVersion']}"
    assert [one["image"] for one in yaml.safe_load(chart["annotations"]["artifacthub.io/images"])] == [image]
    assert re.findall(r'image: "(.*)"', render.MANIFEST.read_text(encoding="utf-8")) == [image]
    for template in (render.CHART / "templates").rglob("*"):
        assert template.is_dir() or repository not in template.read_text(encoding="utf-8")


def test_the_role_is_what_the_settings_ask_for() -> None:
    """Guarantees: the rights that the documentation names for these settings, and the operator's own rules."""
    (role,) = [o for o in objects("metadata") if o["kind"] == "ClusterRole"]
    assert role["metadata"]["name"] == "observability:tailgate"
    assert [(rule["resources"], rule["verbs"]) for rule in role["rules"]] == [
        (["namespaces", "pods"], ["list", "watch"]),
        (["replicasets"], ["get"]),
        (["deployments"], ["get"]),
    ]
    (binding,) = [o for o in objects("metadata") if o["kind"] == "ClusterRoleBinding"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
