import subprocess
import sys
from pathlib import Path

from modelrepo import publish
from trainer import listing

# What takes seconds to import, and what listing has no use for.
HEAVY = ("torch", "sklearn", "onnx", "onnxruntime", "scipy", "tqdm", "prometheus_client")
PROGRAM = """
import sys
from trainer.__main__ import main
status = main(["list"])
sys.exit(f"imported: {loaded}" if (loaded := set(sys.argv[1:]) & sys.modules.keys()) else status)
"""


def test_it_shows_what_is_served_retired_and_damaged(settings, repository, manifest, console) -> None:
    listing.list_versions(settings, console)
    assert "nothing is published" in console.out.getvalue()
    for _ in range(3):
        publish.publish(repository, b"model", manifest)
    (repository.folder / "1" / "manifest.json").unlink()
    listing.list_versions(settings, console)
    rows = console.out.getvalue().splitlines()[-3:]
    assert [row.split()[:2] for row in rows] == [["3", "served"], ["2", "retired"], ["1", "retired"]]
    assert "DAMAGED" in rows[2]
    assert "99.50 %" in rows[0]
    assert manifest.created in rows[0]


def test_list_imports_nothing_that_takes_seconds(tmp_path: Path, repository, manifest) -> None:
    publish.publish(repository, b"model", manifest)
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *HEAVY],
        env={"TRAINER_MODEL_REPOSITORY": str(repository.root)},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert " served " in result.stdout
