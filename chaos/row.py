"""One fault and what came of it: a line of the table, and the promises that it broke."""

from dataclasses import dataclass, field

from chaos.tally import Tally


@dataclass
class Row:
    """What a fault was met with.

    Attributes:
        fault: What was done.
        load: What went on meanwhile.
        tally: What became of the requests; None where there were none.
        noticed_s: Seconds until ``/health/ready`` said so.
        recovered_s: Seconds from the repair until all was as before.
        notes: Figures beside the table's.
        broken: Promises that weren't kept.
        skipped: Why it couldn't be tried.
    """

    fault: str
    load: str = ""
    tally: Tally | None = None
    noticed_s: float | None = None
    recovered_s: float | None = None
    notes: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    skipped: str = ""

    def promise(self, is_kept: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence where it is called
        """Hold a promise against what was seen."""
        if not is_kept:
            self.broken.append(what)

    def none_failed(
        self, tally: Tally, *, may_refuse: bool = False, may_be_wrong: bool = False, may_be_shut: bool = False
    ) -> None:
        """Hold the promise that every request was answered, or, where the fault allows for it, refused honestly.

        Args:
            tally: What became of them.
            may_refuse: Refusals are honest here.
            may_be_wrong: A version that answers wrongly is served.
            may_be_shut: The api ends, so that in the end nobody listens.
        """
        self.tally = tally
        self.promise(tally.answered > 0, "nothing was answered")
        self.promise(not tally.failed, f"{len(tally.failed)} failed: {_first(tally)}")
        self.promise(may_refuse or not tally.refused, f"refused: {dict(tally.refused)}")
        self.promise(may_be_shut or not tally.shut, f"{tally.shut} times nobody listened")
        self.promise(may_be_wrong or not tally.wrong, f"{len(tally.wrong)} wrong answers")

    def stayed_ready(self, said: set[str]) -> None:
        """Hold the promise that it was ready all the while; a canary that was late on a full machine is only noted."""
        self.promise(said <= {"ready", "deadline_exceeded"}, f"it said {', '.join(sorted(said))} of itself")
        if "deadline_exceeded" in said:
            self.notes.append("a canary was late")

    def within(self, name: str, seconds: float, limit_s: float) -> float:
        """Hold the promise that something took no longer than it may; return what it took."""
        self.promise(seconds <= limit_s, f"{name} after {seconds:.1f} s, not within {limit_s:g}")
        return seconds

    def as_dict(self) -> dict[str, object]:
        """Return the row for the JSON report."""
        tally = self.tally
        counts = {} if tally is None else {
            "sent": tally.sent, "answered": tally.answered, "wrong": len(tally.wrong), "refused": dict(tally.refused),
            "failed": [failure.why for failure in tally.failed], "lost": len(tally.lost), "shut": tally.shut,
        }  # fmt: skip
        fields = {name: value for name, value in vars(self).items() if name != "tally"}
        return fields | counts


def _first(tally: Tally) -> str:
    return ", ".join(list(dict.fromkeys(failure.why for failure in tally.failed))[:3])
