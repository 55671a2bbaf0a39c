"""The charts as helm draws them, without a cluster."""

import functools
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from tests.support.required import skip_or_fail

ROOT = Path(__file__).resolve().parents[2]
CHARTS = ROOT / "deploy/helm"
NEEDS = 'settings=$(.ci/helm-up); eval "$settings"'
OLDEST = "1.20.2"
NEWEST: str = kubernetes_validate.latest_version()
# Each chart with its defaults and with every file of values.
VARIANTS = [
    (chart, file)
    for chart in ("stack", "loadgen")
    for file in (None, *sorted((CHARTS / chart).glob("values-*.yaml")), *sorted((CHARTS / chart).glob("ci/*.yaml")))
]
# The name of each release; the chart `loadgen` asks the api of the release `stack`.
RELEASES = {"stack": "stack", "loadgen": "load"}

Tree = dict[str, Any]


def variant_id(variant: tuple[str, Path | None]) -> str:
    chart, file = variant
    return f"{chart}-{file.stem}" if file else chart


def helm(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run helm; skip the test without it, or fail where it was promised."""
    if shutil.which("helm") is None:
        reason = f"helm isn't on the path: {NEEDS}"
        skip_or_fail("HELM", reason)
    return subprocess.run(["helm", *map(str, args)], capture_output=True, text=True, timeout=60)


@functools.cache
def _manifests(chart: str, files: tuple[Path, ...], version: str, sets: tuple[str, ...]) -> str:
    options = [part for file in files for part in ("--values", file)] + [
        part for one in sets for part in ("--set", one)
    ]
    done = helm("template", RELEASES[chart], CHARTS / chart, "--kube-version", version, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def drawn(chart: str, *files: Path | None, version: str = NEWEST, sets: Sequence[str] = ()) -> list[Tree]:
    """Return the objects of a release.

    Args:
        chart: The chart's name.
        files: Files of values; None stands for the defaults.
        version: The cluster's.
        sets: `name=value`, as for `--set`.
    """
    text = _manifests(chart, tuple(file for file in files if file), version, tuple(sets))
    # The loader is YAML 1.1, as that of helm and Kubernetes.
    return [tree for tree in yaml.load_all(text, yaml.CSafeLoader) if tree]


def one(objects: list[Tree], kind: str, name: str) -> Tree:
    """Return the object of a kind whose name is that, or begins so and ends in a checksum."""
    [found] = [
        each
        for each in objects
        if each["kind"] == kind and each["metadata"]["name"] in {name, f"{name}-{each['metadata']['name'][-8:]}"}
    ]
    return found


def template_of(tree: Tree) -> Tree | None:
    """Return the pod of a workload with its metadata, or None for an object without one."""
    if tree["kind"] == "Pod":
        return tree
    spec: Tree = tree.get("spec", {})
    template: Tree | None = spec.get("jobTemplate", {}).get("spec", spec).get("template")
    return template


def pods(objects: list[Tree]) -> Iterator[tuple[Tree, Tree]]:
    """Yield every workload with its pod's template."""
    for tree in objects:
        template = template_of(tree)
        if template is not None:
            yield tree, template


def containers(template: Tree) -> list[Tree]:
    """Return a pod's containers, those of its start first."""
    return [*template["spec"].get("initContainers", ()), *template["spec"]["containers"]]


def matches(selector: Tree, labels: dict[str, str]) -> bool:
    """Say whether a label selector selects these labels."""
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(
        labels.get(each["key"]) in each["values"] and each["operator"] == "In"
        for each in selector.get("matchExpressions", ())
    )
