"""``POST /file-type``: a file in, its type out."""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from api.errors import InvalidInput
from api.inference.tensors import Tensors
from api.settings import Settings
from api.tasks.base import Task
from examples.file_type.package import load_config, load_content_types


class FileTypeAnswer(BaseModel):
    """The type of a file."""

    label: str = Field(description="Name of the type; `txt` or `unknown` where the model isn't sure.")
    mime_type: str
    score: float = Field(ge=0, le=1, description="The model's confidence.")


class FileType(Task):
    """Tells which type a file has."""

    name, path, model = "file_type", "/file-type", "magika"
    Answer = FileTypeAnswer

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._config, self._types = load_config(), load_content_types()

    def encode(self, data: bytes) -> Tensors:
        """Return the first and last bytes, without white space and padded: (1, 2048) int32."""
        block, least = self._config["block_size"], self._config["min_file_size_for_dl"]
        start, end = data[:block].lstrip(), data[-block:].rstrip()
        if len(start) < least:
            raise InvalidInput(f"The file has {len(start)} bytes besides white space; the model needs {least}.")
        values = np.full(
            (1, self._config["beg_size"] + self._config["end_size"]), self._config["padding_token"], np.int32
        )
        start, end = start[: self._config["beg_size"]], end[-self._config["end_size"] :]
        values[0, : len(start)] = np.frombuffer(start, np.uint8)
        values[0, values.shape[1] - len(end) :] = np.frombuffer(end, np.uint8)
        return {"bytes": values}

    def decode(self, outputs: Tensors) -> list[FileTypeAnswer]:
        """Return the most likely type of each row of (N, 214) float32 scores."""
        return [self._answer_of(row) for row in outputs["target_label"]]

    def _answer_of(self, scores: NDArray[np.float32]) -> FileTypeAnswer:
        found, score = self._config["target_labels_space"][scores.argmax()], float(scores.max())
        label = self._config["overwrite_map"].get(found, found)
        if score < self._config["thresholds"].get(found, self._config["medium_confidence_threshold"]):
            label = "txt" if self._types[label]["is_text"] else "unknown"
        return FileTypeAnswer(label=label, mime_type=self._types[label]["mime_type"], score=min(score, 1.0))
