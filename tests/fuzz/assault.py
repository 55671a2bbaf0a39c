"""Everything that is done to an api, in rounds."""

import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz import wire as catalogue
from tests.fuzz.ledger import Ledger
from tests.fuzz.wire import Shape
from tests.support.bad_images import BOMBS, HUGE, MARATHONS
from tests.support.process import BIN, clean_env
from tests.support.raw_http import Answer, Raw, request

ROOT = Path(__file__).resolve().parents[2]
PNG = (ROOT / "docs/digit.png").read_bytes()
IMAGE = {"content_type": "image/png"}
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,one_error_body"
)


class Assault:
    """Sends what is bad, and takes in what comes back.

    Args:
        port: The api's.
        ledger: Where every answer is noted.
    """

    def __init__(self, port: int, ledger: Ledger) -> None:
        self._port, self._ledger = port, ledger

    def by_schema(self, folder: Path, examples: int, seed: int) -> int:
        """Try every operation with schemathesis; return how many requests that were.

        Raises:
            AssertionError: A check failed; the message is its report.
        """
        command = [str(BIN / "schemathesis"), "run", f"http://127.0.0.1:{self._port}/openapi.json"]
        options = {"checks": CHECKS, "phases": "examples,coverage,fuzzing", "generation-database": "none",
                   "max-examples": str(examples), "seed": str(seed), "workers": "1",
                   # Jobs are off here: each of their routes says 501. test_jobs_uploads.py sends them bad input.
                   "exclude-path-regex": "^/jobs"}  # fmt: skip
        env = clean_env(SCHEMATHESIS_HOOKS="tests.fuzz.schema_hooks", PYTHONPATH=str(ROOT))
        done = subprocess.run(
            [*command, *(f"--{name}={value}" for name, value in options.items()), "--continue-on-failure"],
            env=env, cwd=folder, capture_output=True, text=True, timeout=1800, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        return int(done.stdout.partition("Test cases:")[2].split()[0])

    def wire(self) -> None:
        """Send every shape of HTTP that is none."""
        for name, shape in catalogue.shapes(PNG).items():
            self._try(name, shape, longest_s=20)

    def bodies(self) -> None:
        """Send every body that is none."""
        for name, (content_type, body, statuses) in catalogue.bodies(PNG).items():
            assert self.post(body, name, content_type=content_type) in statuses, name

    def images(self, size: int) -> None:
        """Send files that declare, hold or take too much.

        Args:
            size: Bytes of those that are headers all the way.
        """
        for name, data in HUGE.items():
            assert self.post(data, name, **IMAGE) == 413, name
        for name, make in BOMBS.items():
            assert self.post(make(), name, **IMAGE) in (413, 422), name
        for name, make_of in MARATHONS.items():
            assert self.post(make_of(size), name, **IMAGE) in (200, 422), name

    def bombs_at_once(self, number: int) -> None:
        """Send the costliest file several times at the same time."""
        data = BOMBS["webp, lossless with alpha"]()
        with ThreadPoolExecutor(number) as pool:
            assert set(pool.map(lambda _: self.post(data, "bomb", **IMAGE), range(number))) <= {413, 422}

    def slow(self, copies: int, seconds: float) -> None:
        """Begin many requests at the same time, send drops of them, and see each refused and let go in time.

        Args:
            copies: Of each kind.
            seconds: Within which that has to be.
        """
        begun = [(name, shape, Raw(self._port)) for name, shape in catalogue.slow(PNG).items() for _ in range(copies)]
        for _, shape, connection in begun:
            connection.send(shape.sent)
        start = time.monotonic()
        for _ in range(4):
            time.sleep(0.2)
            assert self.post(PNG, "meanwhile", **IMAGE) == 200
            for name, _, connection in begun:
                if name in {"headers", "a body", "a body in chunks"}:
                    connection.send(b"x" if name != "headers" else b"x: y\r\n")
        for name, shape, connection in begun:
            with connection:
                self._expect(name, shape, connection.read_all())
        assert time.monotonic() - start < seconds

    def endless(self) -> None:
        """Send chunks without end: the answer comes at the ceiling, and the connection is closed some way beyond."""
        head = request("POST", "/predict", transfer_encoding="chunked", **IMAGE)
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        with Raw(self._port) as connection:
            assert not connection.send([head, *[piece] * 3000]), "200 MB were taken"
        with Raw(self._port) as connection:
            connection.send([head, *[piece] * 450])
            answer = connection.read()
            assert answer is not None
            assert self._note(answer, "endless") == 413

    def half_closed(self) -> None:
        """Say that nothing more comes, before, in and behind a request; whatever comes back is sound."""
        whole = request(body=PNG, **IMAGE)
        for cut in (0, 5, 60, len(whole) - 10, len(whole)):
            with Raw(self._port) as connection:
                connection.send(whole[:cut])
                connection.end()
                for answer in connection.read_all():
                    self._note(answer, "half-closed")

    def damaged(self, number: int, seed: int) -> None:
        """Send requests that were good until bytes of them were changed."""
        chance = random.Random(seed)
        whole = [
            request(body=PNG, **IMAGE),
            request(body=b'{"image": "AAAA"}', content_type="application/json"),
            request("GET", "/predict-mnist", b'{"image": "AAAA", "height": 1, "width": 3}'),
            request("GET", "/health/live", accept="*/*", x_request_id="abc"),
            request("POST", "/predict", transfer_encoding="chunked", **IMAGE) + b"3\r\nabc\r\n0\r\n\r\n",
        ]
        for turn in range(number):
            data = bytearray(chance.choice(whole))
            for _ in range(chance.randint(1, 5)):
                at = chance.randrange(len(data))
                data[at : at + chance.choice([0, 1, 1, 3])] = chance.randbytes(chance.choice([0, 1, 1, 2]))
            with Raw(self._port, timeout_s=0.1) as connection:
                connection.send(bytes(data))
                try:
                    if (answer := connection.read()) is not None:
                        self._note(answer, f"damaged {turn}")
                except TimeoutError:
                    self._ledger.unanswered += 1

    def post(self, body: bytes, what: str, **headers: str) -> int:
        """Send one request on a connection of its own; return the status."""
        with Raw(self._port, timeout_s=60) as connection:
            connection.send(request(body=body, connection="close", **{"content_length": str(len(body))} | headers))
            answer = connection.read()
        assert answer is not None, f"{what}: no answer"
        return self._note(answer, what)

    def _try(self, name: str, shape: Shape, longest_s: float) -> None:
        with Raw(self._port, timeout_s=longest_s) as connection:
            connection.send(shape.sent)
            self._expect(name, shape, connection.read_all())

    def _expect(self, name: str, shape: Shape, answers: list[Answer]) -> None:
        assert tuple(self._note(answer, name) for answer in answers) == shape.statuses, name

    def _note(self, answer: Answer, what: str) -> int:
        return self._ledger.note(answer.status, answer.headers, answer.body, what)
