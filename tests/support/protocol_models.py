"""Models for the tests of the Open Inference Protocol: identities of several datatypes, one that fails, one of NaN."""

from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

# The datatypes that the ONNX backend answers today, by the protocol's name.
IDENTITIES: dict[str, int] = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
}


def publish_identities(repository: Path) -> None:
    """Publish ``same_fp32`` and so on: rows of any width, at most eight a call."""
    for datatype, kind in IDENTITIES.items():
        publish_identity(repository, f"same_{datatype.lower()}", datatype, kind)


def publish_identity(repository: Path, name: str, datatype: str, kind: int, max_batch_size: int = 8) -> None:
    shape: list[Any] = ["rows", "width"]
    value = helper.make_tensor_value_info
    dims = "[-1]" if max_batch_size else "[-1, -1]"
    _publish(
        repository,
        name,
        helper.make_graph(
            [helper.make_node("Identity", ["given"], ["same"])],
            name,
            [value("given", kind, shape)],
            [value("same", kind, shape)],
        ),
        f"""
        platform: "onnxruntime_onnx" max_batch_size: {max_batch_size}
        {"dynamic_batching {}" if max_batch_size else ""}
        input {{ name: "given" data_type: TYPE_{datatype} dims: {dims} }}
        output {{ name: "same" data_type: TYPE_{datatype} dims: {dims} }}
        """,
    )


def publish_two(repository: Path, name: str = "two") -> None:
    """Publish a model of two inputs and two outputs, FP32 and INT32 of width three: their sum and their difference."""
    rows: list[Any] = ["rows", 3]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["b"], ["b_float"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["a", "b_float"], ["sum"]),
            helper.make_node("Sub", ["a", "b_float"], ["difference"]),
        ],
        name,
        [value("a", TensorProto.FLOAT, rows), value("b", TensorProto.INT32, rows)],
        [value("sum", TensorProto.FLOAT, rows), value("difference", TensorProto.FLOAT, rows)],
    )
    _publish(
        repository,
        name,
        graph,
        """
        platform: "onnxruntime_onnx" max_batch_size: 4 dynamic_batching {}
        input { name: "a" data_type: TYPE_FP32 dims: [3] }
        input { name: "b" data_type: TYPE_INT32 dims: [3] }
        output { name: "sum" data_type: TYPE_FP32 dims: [3] label_filename: "labels.txt" }
        output { name: "difference" data_type: TYPE_FP32 dims: [3] }
        """,
    )
    (repository / name / "labels.txt").write_text("red\ngreen\nblue\n")


def publish_logarithm(repository: Path, name: str = "logarithm") -> None:
    """Publish a model whose answer to 0 is -Infinity, and to -1 NaN."""
    rows: list[Any] = ["rows", "width"]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Log", ["given"], ["log"])],
        name,
        [value("given", TensorProto.FLOAT, rows)],
        [value("log", TensorProto.FLOAT, rows)],
    )
    _publish(
        repository,
        name,
        graph,
        """
        platform: "onnxruntime_onnx" max_batch_size: 8
        input { name: "given" data_type: TYPE_FP32 dims: [-1] }
        output { name: "log" data_type: TYPE_FP32 dims: [-1] }
        """,
    )


def publish_mean(repository: Path, name: str = "mean") -> None:
    """Publish a model of FP32 images, 3×224×224, that answers the means of their colours."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0)],
        name,
        [value("image", TensorProto.FLOAT, ["rows", 3, 224, 224])],
        [value("mean", TensorProto.FLOAT, ["rows", 3])],
    )
    _publish(
        repository,
        name,
        graph,
        """
        platform: "onnxruntime_onnx" max_batch_size: 32 dynamic_batching {}
        input { name: "image" data_type: TYPE_FP32 dims: [3, 224, 224] }
        output { name: "mean" data_type: TYPE_FP32 dims: [3] }
        """,
    )


def _publish(repository: Path, name: str, graph: Any, config: str) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    file = repository / name / "1" / "model.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(model.SerializeToString())
    (repository / name / "config.pbtxt").write_text(config)
