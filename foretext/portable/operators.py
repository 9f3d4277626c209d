"""A graph of ONNX operators while it is written: each value is a name, each weight stands in the graph once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

OPSET = 20  # the first with GELU as one operator
IR_VERSION = 9  # the file format that came with it, which ONNX Runtime reads from 1.17 on
MOST_BYTES = 2_000_000_000  # protobuf holds no more in one file


class Graph:
    """Operators and weights, in the order in which they are added."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._weights: dict[str, Any] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, dimensions: Sequence[int | str]) -> str:
        """An input of whole numbers."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.INT64, list(dimensions)))
        return name

    def output(self, name: str, value: str, dimensions: Sequence[int | str]) -> None:
        """Gives `value` out as numbers under that name."""
        self._nodes.append(helper.make_node("Identity", [value], [name], name=f"out/{name}"))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(dimensions)))

    def weight(self, name: str, values: Tensor) -> str:
        """A weight of the model, in fp32."""
        return self._kept(name, np.ascontiguousarray(values.detach().cpu().float().numpy()))

    def numbers(self, *values: int) -> str:
        """A list of whole numbers."""
        return self._kept(f"numbers/{'_'.join(map(str, values))}", np.array(values, dtype=np.int64))

    def real(self, value: float) -> str:
        """A real number."""
        return self._kept(f"real/{value!r}", np.array(value, dtype=np.float32))

    def whole(self, value: int) -> str:
        """A whole number."""
        return self._kept(f"whole/{value}", np.array(value, dtype=np.int64))

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """What an operator gives."""
        (result,) = self.ops(kind, *inputs, outputs=1, name=name, **attributes)
        return result

    def ops(self, kind: str, *inputs: str, outputs: int, name: str = "", **attributes: Any) -> list[str]:
        """What an operator with several outputs gives."""
        name = name or f"{kind.lower()}/{len(self._nodes)}"
        results = [f"{name}:{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), results, name=name, **attributes))
        return results

    def model(self, *, producer: str, version: str) -> onnx.ModelProto:
        """The graph as a model, checked to be one, and marked as ready for ONNX Runtime's tool that rounds it.

        Unmarked, that tool warns through Python's root logger, which makes it one that prints.
        """
        graph = helper.make_graph(self._nodes, "model", self._inputs, self._outputs, list(self._weights.values()))
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name=producer,
            producer_version=version,
        )
        helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
        onnx.checker.check_model(model)
        return model

    def _kept(self, name: str, values: npt.NDArray[Any]) -> str:
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(values, name)
        return name
