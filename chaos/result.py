"""The result of one fault: a row of the table, with the guarantees that the stack violated."""

from dataclasses import dataclass, field

from chaos.counts import RequestCounts


@dataclass
class Result:
    """What one fault caused.

    Attributes:
        fault: The fault, in words.
        load: The load during the fault.
        counts: The outcome of the load's requests; None if there was no load.
        noticed_s: Seconds until ``/health/ready`` reported the fault.
        recovered_s: Seconds from the repair until the stack served as before.
        notes: Further figures.
        violations: The guarantees that the stack violated, one sentence each.
        skipped: Why this machine cannot inject the fault; empty if it can.
    """

    fault: str
    load: str = ""
    counts: RequestCounts | None = None
    noticed_s: float | None = None
    recovered_s: float | None = None
    notes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    skipped: str = ""

    @property
    def verdict(self) -> str:
        """``yes`` if all guarantees held, ``no`` if not, ``not run`` if the fault was skipped."""
        return "no" if self.violations else "not run" if self.skipped else "yes"

    @property
    def reason(self) -> str:
        """Why the verdict is not ``yes``, in one line."""
        return " ".join("; ".join(self.violations or [self.skipped]).split())

    def require(self, condition: bool, violation: str) -> None:  # noqa: FBT001 - the condition is what is tested
        """Add a violation unless a condition holds."""
        if not condition:
            self.violations.append(violation)

    def require_no_failures(
        self,
        counts: RequestCounts,
        *,
        may_refuse: bool = False,
        may_be_wrong: bool = False,
        may_be_unreachable: bool = False,
    ) -> None:
        """Require that every request was answered correctly, except for the outcomes that the fault allows.

        Args:
            counts: The outcome of the requests.
            may_refuse: The API may refuse requests in its error format.
            may_be_wrong: A model version with wrong answers is served.
            may_be_unreachable: The API exits, so connection attempts may be refused.
        """
        self.counts = counts
        self.require(counts.answered > 0, "no request was answered")
        self.require(not counts.failed, f"{len(counts.failed)} requests failed: {_reasons(counts)}")
        self.require(may_refuse or not counts.refused, f"requests were refused: {dict(counts.refused)}")
        self.require(
            may_be_unreachable or not counts.not_connected,
            f"{counts.not_connected} connection attempts were refused",
        )
        self.require(may_be_wrong or not counts.wrong, f"{len(counts.wrong)} answers were wrong")

    def require_ready(self, codes: set[str]) -> None:
        """Require that ``/health/ready`` answered 200 throughout; a canary over its deadline is only noted."""
        self.require("ready" in codes, "no readiness probe was answered with 200")
        self.require(codes <= {"ready", "deadline_exceeded"}, f"/health/ready answered {', '.join(sorted(codes))}")
        if "deadline_exceeded" in codes:
            self.notes.append("a canary exceeded its deadline")

    def require_within(self, name: str, seconds: float, limit_s: float) -> float:
        """Require that a time does not exceed its limit; return the time."""
        self.require(seconds <= limit_s, f"{name} after {seconds:.1f} s, limit {limit_s:g} s")
        return seconds

    def as_dict(self) -> dict[str, object]:
        """Return the result for the JSON report."""
        counts = self.counts
        numbers = {} if counts is None else {
            "sent": counts.sent, "answered": counts.answered, "wrong": len(counts.wrong),
            "refused": dict(counts.refused), "failed": [failure.why for failure in counts.failed],
            "resent": len(counts.resent), "not_connected": counts.not_connected,
        }  # fmt: skip
        fields = {name: value for name, value in vars(self).items() if name != "counts"}
        return fields | numbers


def _reasons(counts: RequestCounts) -> str:
    return ", ".join(list(dict.fromkeys(failure.why for failure in counts.failed))[:3])
