"""Every order of probes and missing models."""

from hypothesis import given
from hypothesis import strategies as st

from api.inference.rotation import EVERY, LACK_S, MAX_LACKS, RETURN_PROBES, Rank, Rotation

MODELS = st.sampled_from((EVERY, "a", "b"))


@given(st.lists(st.tuples(MODELS, st.booleans())))
def test_a_replica_is_in_rotation_as_its_last_probes_say(probes: list[tuple[str, bool]]):
    rotation = Rotation()
    history: dict[str, list[bool]] = {EVERY: [], "a": [], "b": []}

    def missing(model: str) -> int:
        """Return how many more probes a model needs: the tail of good ones after the last bad one counts."""
        bad = [place for place, is_good in enumerate(history[model]) if not is_good]
        return max(0, RETURN_PROBES - (len(history[model]) - 1 - bad[-1])) if bad else 0

    for model, is_good in probes:
        was_in = not missing(model)
        history[model].append(is_good)
        assert rotation.judge(model, is_good=is_good) == (was_in != (not missing(model)))
        for asked in ("a", "b", "c"):
            worst = max(missing(EVERY), missing(asked) if asked in history else 0)
            expected = Rank.OUT if worst == RETURN_PROBES else Rank.RETURNING if worst else Rank.IN
            assert rotation.rank(asked, "", 0.0) is expected
        assert rotation.is_in == (not any(map(missing, history)))


def test_a_new_replica_has_to_answer_once():
    rotation = Rotation(1)
    assert rotation.rank("a", "", 0.0) is Rank.RETURNING
    assert rotation.judge(EVERY, is_good=True)
    assert rotation.rank("a", "", 0.0) is Rank.IN


def test_a_missing_version_is_looked_for_again():
    rotation = Rotation()
    rotation.lack("a", "2", 10.0)
    assert rotation.rank("a", "2", 10.0 + LACK_S / 2) is Rank.RETURNING
    assert rotation.rank("a", "1", 10.0 + LACK_S / 2) is Rank.IN
    assert rotation.rank("a", "2", 10.0 + LACK_S) is Rank.IN
    assert rotation.is_in


def test_the_names_of_clients_don_t_fill_the_memory():
    rotation = Rotation()
    for number in range(10 * MAX_LACKS):
        rotation.lack(f"name {number}", "", 0.0)
    assert len(rotation._lacks) == MAX_LACKS
    rotation.lack("a", "", 2 * LACK_S)
    assert len(rotation._lacks) == 1
