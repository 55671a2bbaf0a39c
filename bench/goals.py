"""What was to be reached, and whether it was; every quotient is taken round by round."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from bench.contenders.catalogue import OURS, TRITON
from bench.statistics import Spread, ratios, spread

Round = dict[str, dict[str, Any]]  # figures by contender


class AtLeast(NamedTuple):
    """A figure that is good when it is high."""

    limit: float

    def met_by(self, found: float) -> bool:
        return found >= self.limit

    def __str__(self) -> str:
        return f"≥ {self.limit:g}"


class AtMost(NamedTuple):
    """A figure that is good when it is low."""

    limit: float

    def met_by(self, found: float) -> bool:
        return found <= self.limit

    def __str__(self) -> str:
        return f"≤ {self.limit:g}"


class Goal(NamedTuple):
    """One line of the goals."""

    what: str
    bound: AtLeast | AtMost
    values: Callable[[list[Round], dict[str, Any]], Iterable[float | None]]

    def judge(self, rounds: list[Round], memory: dict[str, Any]) -> "Verdict":
        """Return what the rounds say of it."""
        found = spread(self.values(rounds, memory))
        return Verdict(self.what, str(self.bound), found, None if found is None else self.bound.met_by(found.median))


class Verdict(NamedTuple):
    """A goal beside what was measured."""

    what: str
    goal: str
    found: Spread | None  # None if it wasn't measured
    met: bool | None


def figure(rounds: Iterable[Round], contender: str, *path: str) -> list[float | None]:
    """Return one figure of every round, None where it is missing."""
    found: list[float | None] = []
    for figures in rounds:
        value: Any = figures.get(contender)
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        found.append(value)
    return found


def triton_figure(rounds: list[Round], measure: str, key: str) -> list[float | None]:
    """Return Triton's own figure in every round: over gRPC, as the api speaks to it; over HTTP where that is missing.

    Triton's HTTP is faster, and stands beside it in the report.
    """
    pairs = zip(*(figure(rounds, TRITON, f"{measure}_{protocol}", key) for protocol in ("grpc", "http")), strict=True)
    return [http if grpc is None else grpc for grpc, http in pairs]


def _over(contender: str) -> Callable[[list[Round], dict[str, Any]], Iterable[float | None]]:
    def values(rounds: list[Round], _memory: dict[str, Any]) -> Iterable[float | None]:
        other = (
            triton_figure(rounds, "closed", "rate")
            if contender == TRITON
            else figure(rounds, contender, "closed", "rate")
        )
        return ratios(figure(rounds, OURS, "closed", "rate"), other)

    return values


def _added_ms(rounds: list[Round], _memory: dict[str, Any]) -> Iterable[float | None]:
    pairs = zip(figure(rounds, OURS, "lone", "p50_ms"), triton_figure(rounds, "lone", "p50_ms"), strict=True)
    return [None if one is None or other is None else one - other for one, other in pairs]


def _tail(rounds: list[Round], _memory: dict[str, Any]) -> Iterable[float | None]:
    return ratios(figure(rounds, OURS, "paced", "p99_ms"), triton_figure(rounds, "paced", "p99_ms"))


def _batch(rounds: list[Round], _memory: dict[str, Any]) -> Iterable[float | None]:
    return ratios(figure(rounds, OURS, "batch", "images_rate"), figure(rounds, OURS, "closed", "rate"))


def _growth(_rounds: list[Round], memory: dict[str, Any]) -> Iterable[float | None]:
    return [memory.get("growth")]


def _skew(rounds: list[Round], _memory: dict[str, Any]) -> Iterable[float | None]:
    return figure(rounds, OURS, "busiest_share")


GOALS = (
    Goal("requests/s ÷ Triton alone (gRPC), same model and concurrency", AtLeast(1.0), _over(TRITON)),
    Goal("requests/s ÷ plain FastAPI + ONNX Runtime in process", AtLeast(0.7), _over("fastapi_onnxruntime")),
    Goal("requests/s ÷ plain FastAPI + PyTorch in process", AtLeast(1.6), _over("fastapi_pytorch")),
    Goal("requests/s ÷ one gRPC call a request, same Triton", AtLeast(2), _over("fastapi_grpc")),
    Goal("requests/s ÷ LitServe", AtLeast(5), _over("litserve")),
    Goal("requests/s ÷ BentoML", AtLeast(10), _over("bentoml")),
    Goal("requests/s ÷ Ray Serve", AtLeast(12), _over("ray_serve")),
    Goal("p50 of one lone client, added by the api over Triton alone (gRPC), ms", AtMost(0.6), _added_ms),
    Goal("p99 at half of saturation ÷ Triton's own (gRPC) at that rate", AtMost(2), _tail),
    Goal("memory of the api after 200,000 requests ÷ after 20,000", AtMost(1.05), _growth),
    Goal("batch route, images/s ÷ single route, images/s", AtLeast(3), _batch),
    Goal("busiest worker's share of requests, 2 workers, 64 connections", AtMost(0.55), _skew),
)


def judge(rounds: list[Round], memory: dict[str, Any]) -> list[Verdict]:
    """Return the verdict on every goal."""
    return [goal.judge(rounds, memory) for goal in GOALS]
