"""The real stack on free loopback ports, with a model trained on real digits in this run."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from playwright.sync_api import Browser

from tests.support.api_server import ApiServer
from tests.support.browser import find_chromium, open_browser
from tests.support.drawing_page import DrawingPage
from tests.support.process import clean_env
from tests.support.required import skip_or_fail
from tests.support.triton_server import TritonServer
from trainer.console import Console
from trainer.digits.data import Images, load_dataset
from trainer.settings import Settings as TrainerSettings

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
# Modules that `make test` leaves to `make test-long`: ten minutes in all.
LONG = (
    "bad_input", "chaos", "jobs_load", "large_pictures", "loadtest", "loadtest_model", "model_examples", "overload",
    "replicas", "triton_backend", "triton_refusals", "triton_tensors", "v2_agreement", "v2_bad_input", "v2_clients",
    "v2_memory",
)  # fmt: skip
# Modules that compare times, rates or memory, or use the whole machine: nothing else runs beside them.
ALONE = (
    "bad_input", "chaos", "drain", "jobs_load", "loadtest", "loadtest_model", "outage", "overload", "rate_limit",
    "replicas", "traffic", "v2_bad_input", "versions",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of these modules."""
    for mark, names in (("long", LONG), ("alone", ALONE)):
        files = {FOLDER / f"test_{name}.py" for name in names}
        if missing := [file.name for file in files if not file.exists()]:
            raise pytest.UsageError(f"tests/e2e/conftest.py names {', '.join(missing)}, which isn't there.")
        for item in items:
            if item.path in files:
                item.add_marker(mark)


class Trainer:
    """Runs ``python -m trainer`` against one repository and one Triton.

    Args:
        repository: The model repository.
        triton: Whom to tell of a new version.
    """

    def __init__(self, repository: Path, triton: TritonServer) -> None:
        self.repository, self._triton = repository, triton
        self.metrics_file = repository.parent / "trainer-metrics/trainer.prom"

    def run(self, *args: str, check: bool = True, **settings: str) -> subprocess.CompletedProcess[str]:
        defaults = {
            "TRAINER_MODEL_REPOSITORY": str(self.repository),
            "TRAINER_TRITON_URL": self._triton.grpc_url,
            "TRAINER_TRITON_ADMIN_KEY": self._triton.admin_key,
            "TRAINER_METRICS_FILE": str(self.metrics_file),
            # A short training is enough to serve; how good the full one is, `make bench-model` measures.
            "TRAINER_EPOCHS": "1",
            "TRAINER_TRAIN_LIMIT": "12000",
            "TRAINER_MIN_ACCURACY": "0.8",
            "TRAINER_MAX_ACCURACY_DROP": "0.5",
        }
        env = clean_env(**(defaults | settings))
        done = subprocess.run(
            [sys.executable, "-m", "trainer", *args], env=env, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0 or not check, f"{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
def triton(run_dir: Path) -> Iterator[TritonServer]:
    """A Triton that starts with an empty repository, as a new user's does."""
    repository = run_dir / "model_repository"
    repository.mkdir()
    with TritonServer(repository, run_dir / "triton") as server:
        yield server


@pytest.fixture(scope="session")
def trainer(run_dir: Path, triton: TritonServer) -> Trainer:
    """The trainer, after its first training: version 1 is served."""
    trainer = Trainer(run_dir / "model_repository", triton)
    trainer.run("train")
    return trainer


@pytest.fixture(scope="session")
def network(run_dir: Path, trainer: Trainer) -> torch.jit.ScriptModule:
    """Version 1 in PyTorch: the same training again, as TorchScript, in a repository that no Triton reads."""
    elsewhere = run_dir / "never_served"
    trainer.run("train", "--format", "torchscript", "--no-load", TRAINER_MODEL_REPOSITORY=str(elsewhere))
    return torch.jit.load(str(elsewhere / "mnist_cnn/1/model.pt"), map_location="cpu")


@pytest.fixture(scope="session")
def api(run_dir: Path, triton: TritonServer, trainer: Trainer) -> Iterator[ApiServer]:
    with ApiServer(run_dir / "api", triton.grpc_url) as server:
        server.wait_ready()
        yield server


@pytest.fixture
def client(api: ApiServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def images() -> Images:
    """A thousand real digits and a few more: MNIST's test images, or whatever the trainer trains on here."""
    dataset = load_dataset(TrainerSettings(), Console())
    images = dataset.test if len(dataset.test) >= 1000 else dataset.train
    return images.pick(torch.arange(1024))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The machine's Chromium, looked for before anything is started."""
    found = find_chromium()
    if found is None:
        reason = "there is no Chromium on this machine; on Debian: apt install chromium"
        skip_or_fail("CHROMIUM", reason)
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for this module: Playwright's event loop must be gone before an async test begins."""
    with open_browser(chromium) as opened:
        yield opened


@pytest.fixture
def open_page(browser: Browser, api: ApiServer) -> Iterator[Callable[..., DrawingPage]]:
    """Open the page; afterwards nothing may have been asked of anybody but its api, and nothing complained."""
    opened: list[DrawingPage] = []

    def open_one(url: str = api.url, **options: Any) -> DrawingPage:
        opened.append(DrawingPage(browser, url, **options))
        return opened[-1]

    yield open_one
    for page in opened:
        page.close()
        assert {
            url for url in page.requested if not url.startswith(f"{page.url}/") and not url.startswith("data:")
        } == set()
        assert page.complaints == []


@pytest.fixture
def page(open_page: Callable[..., DrawingPage]) -> DrawingPage:
    return open_page()
