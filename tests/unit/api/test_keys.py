import os
from pathlib import Path

import pytest

from api.limits.keys import Keys, read_keys


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path) -> Path:
    file = tmp_path / "keys"
    file.write_text("old-key\nother-key\n")
    return file


def good(keys: Keys, *candidates: str) -> list[str]:
    return [key for key in candidates if keys.owner_of(key.encode()) is not None]


def test_a_file_has_a_key_a_line_and_may_have_comments(file):
    file.write_text("\n  # those of March\n one \n\ntwo\n")
    assert read_keys(file) == ["one", "two"]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"# comment\n", b"k\xc3\xa9y\n", b"\xff\xfe"])
def test_a_file_without_a_key_is_none(file, content):
    file.write_bytes(content)
    with pytest.raises(ValueError, match="keys") as raised:
        read_keys(file)
    assert "k\xe9y" not in str(raised.value)


def test_without_keys_requests_need_none():
    assert not Keys(())
    assert Keys(["a"])


def test_only_whole_keys_are_keys(file):
    keys = Keys(["fixed"], file)
    assert good(keys, "fixed", "old-key", "other-key") == ["fixed", "old-key", "other-key"]
    assert good(keys, "", "fixe", "fixedd", "FIXED", "old-key\n", "old-key other-key", "# comment") == []


def test_an_owner_s_name_is_the_same_in_every_process_and_doesn_t_hold_the_key(file):
    keys = Keys(["fixed"], file)
    assert keys.owner_of(b"fixed") == keys.owner_of(b"fixed") != keys.owner_of(b"old-key")
    assert "fixed" not in keys.owner_of(b"fixed")
    assert Keys(["fixed"]).owner_of(b"fixed") == keys.owner_of(b"fixed")


def test_a_changed_file_counts_after_a_second_and_is_looked_at_no_sooner(file, clock, caplog):
    keys = Keys(["fixed"], file, clock)
    file.write_text("new-key\n")
    clock.now += 0.9
    assert good(keys, "old-key", "new-key") == ["old-key"]
    clock.now += 0.2
    assert good(keys, "fixed", "old-key", "new-key") == ["fixed", "new-key"]
    assert [record.message for record in caplog.records] == ["API keys changed"]
    assert "new-key" not in caplog.text + str(vars(caplog.records[0]))


def test_a_file_replaced_by_a_rename_counts_though_size_and_time_are_the_same(file, clock):
    keys = Keys((), file, clock)
    before = file.stat()
    fresh = file.with_name("fresh")
    fresh.write_text("NEW-key\nother-key\n")
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh.rename(file)
    clock.now += 1.1
    assert good(keys, "old-key", "NEW-key") == ["NEW-key"]


def test_a_file_written_twice_within_a_tick_of_its_clock_is_read_twice(file, clock):
    keys = Keys((), file, clock)
    file.write_text("new-key\n")
    stamp = file.stat().st_mtime_ns
    clock.now += 1.1
    assert good(keys, "new-key") == ["new-key"]
    file.write_text("NEW-key\n")
    os.utime(file, ns=(stamp, stamp))
    clock.now += 1.1
    assert good(keys, "new-key", "NEW-key") == ["NEW-key"]


@pytest.mark.parametrize("broken", ["empty", "gone", "binary", "folder"])
def test_a_broken_file_leaves_the_keys_as_they_were_and_is_told_of_once(file, clock, caplog, broken):
    keys = Keys((), file, clock)
    if broken == "empty":
        file.write_text("")
    elif broken == "binary":
        file.write_bytes(b"secret\xff\xfe")
    else:
        file.unlink()
    if broken == "folder":
        file.mkdir()
    if file.exists():
        os.utime(file, (1, 1))
    for _ in range(5):
        clock.now += 1.1
        assert good(keys, "old-key") == ["old-key"]
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert str(file) in record.reason
    assert "secret" not in record.reason

    if broken == "folder":
        file.rmdir()
    file.write_text("new-key\n")
    clock.now += 1.1
    assert good(keys, "old-key", "new-key") == ["new-key"]


def test_a_file_that_can_not_be_used_at_the_start_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="can't be read"):
        Keys((), tmp_path / "missing")
