"""Two trees beside each other."""

import subprocess
from pathlib import Path

import pytest

from bench import compare
from bench.errors import StartFailed


@pytest.fixture
def clone(tmp_path, monkeypatch) -> Path:
    """A repository with two commits: ``file`` holds ``one``, then ``two``."""
    monkeypatch.setattr(compare, "ROOT", tmp_path)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for text in ("one", "two"):
        (tmp_path / "file").write_text(text)
        subprocess.run([*git, "add", "file"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--message", text], check=True)
    return tmp_path


def test_a_commit_is_checked_out_beside_the_working_tree_and_removed(clone):
    with compare.checkout("HEAD~1") as tree:
        assert (tree / "file").read_text() == "one"
        assert (clone / "file").read_text() == "two"
    assert not tree.exists()
    listed = subprocess.run(["git", "-C", str(clone), "worktree", "list"], capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1


def test_a_folder_is_used_as_it_is(clone):
    with compare.checkout(str(clone)) as tree:
        assert tree == clone
    assert (clone / "file").is_file()


def test_neither_a_folder_nor_a_commit_is_an_error_that_names_it(clone):
    with pytest.raises(StartFailed, match="no-such-commit"), compare.checkout("no-such-commit"):
        pass


def test_a_ratio_is_formed_within_a_round():
    rounds = [{"A": {"requests_per_s": 2.0}, "B": {"requests_per_s": 1.0}} for _ in range(2)]
    rounds.append({"A": {"requests_per_s": 30.0}, "B": {"requests_per_s": 10.0}})
    line = compare.report(rounds).splitlines()[1]
    assert line.split() == [
        "requests_per_s",
        "2.000",
        "(2.000–30.000)",
        "1.000",
        "(1.000–10.000)",
        "2.000",
        "(2.000–3.000)",
    ]
