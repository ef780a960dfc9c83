"""The binary files that a Vosk model is made of: Kaldi's transition model and network, OpenFst's constant type.

The layouts follow Kaldi's `HmmTopology::Write`, `TransitionModel::Write`, `CompressedMatrix::Write` and the components'
`Write`, and OpenFst's `ConstFst`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from .contexts import STEP
from .network import PAST, Network


class Writer:
    """Kaldi's binary streams."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def token(self, *names: str) -> None:
        """Names, each with a space after it."""
        for name in names:
            self.file.write(name.encode("ascii") + b" ")

    def integer(self, *values: int) -> None:
        """32-bit integers."""
        for value in values:
            self.file.write(struct.pack("<bi", 4, value))

    def real(self, *values: float) -> None:
        """32-bit floats."""
        for value in values:
            self.file.write(struct.pack("<bf", 4, value))

    def double(self, value: float) -> None:
        """A 64-bit float."""
        self.file.write(struct.pack("<bd", 8, value))

    def integers(self, values: Sequence[int]) -> None:
        """A vector of integers."""
        self.file.write(struct.pack("<bi", 4, len(values)) + np.asarray(values, "<i4").tobytes())

    def vector(self, values: NDArray[np.float64] | Sequence[float]) -> None:
        """A vector of floats."""
        self.token("FV")
        self.integer(len(values))
        self.file.write(np.asarray(values, "<f4").tobytes())

    def matrix(self, values: NDArray[np.float64]) -> None:
        """A matrix of floats, kept in two bytes each (`CM2`: 65,536 even steps from the least to the greatest)."""
        low, high = float(values.min()), float(values.max())
        spread = max(high - low, 1e-6)
        self.token("CM2")
        self.file.write(struct.pack("<ffii", low, spread, *values.shape))
        self.file.write(np.round((values - low) / spread * 65535).astype("<u2").tobytes())


@dataclass(frozen=True)
class Tuple:
    """A phone and its two outputs, in the order in which Kaldi sorts them; its number gives the transition numbers."""

    phone: int
    first: int
    rest: int


def transitions(writer: Writer, phones: int, tuples: Sequence[Tuple]) -> None:
    """Chain topology: one state, its first step and the steps after it have outputs of their own.

    The n-th tuple (from 0) has transitions 2 n + 1, the self-loop, and 2 n + 2, the way in and on.
    """
    writer.token("<TransitionModel>", "<Topology>")
    writer.integers(range(1, phones + 1))
    writer.integers([-1] + [0] * phones)
    writer.integer(-1, 1, 2)  # two outputs a state; one entry; of two states
    writer.integer(0, 1, 2)  # classes of the first and of the other steps; two transitions
    for to in (0, 1):
        writer.integer(to)
        writer.real(0.5)
    writer.integer(-1, -1, 0)
    writer.token("</Topology>", "<Tuples>")
    writer.integer(len(tuples))
    for each in tuples:
        writer.integer(each.phone, 0, each.first, each.rest)
    writer.token("</Tuples>", "<LogProbs>")
    writer.vector([0.0] + [float(np.log(0.5))] * (2 * len(tuples)))
    writer.token("</LogProbs>", "</TransitionModel>")


def _fold(network: Network) -> tuple[list[str], list[tuple[str, str, tuple[NDArray[np.float64], ...]]]]:
    """Lines of the network's plan, and its components with the batch norms folded into their matrices."""
    plan, parts = ["input-node name=input dim=40"], []

    def array(tensor: torch.Tensor) -> NDArray[np.float64]:
        return tensor.detach().double().numpy()

    def add(name: str, kind: str, source: str, *matrices: NDArray[np.float64]) -> str:
        plan.append(f"component-node name={name} component={name} input={source}")
        parts.append((name, kind, matrices))
        return name

    def normed(weight: NDArray[np.float64], bias: NDArray[np.float64], norm: torch.nn.BatchNorm1d):  # type: ignore[no-untyped-def]
        by = array(norm.weight) / np.sqrt(array(norm.running_var) + norm.eps)
        return weight * by[:, None], (bias - array(norm.running_mean)) * by + array(norm.bias)

    def at(name: str, offset: int) -> str:
        return f"Offset({name}, {offset})" if offset else name

    splice = range(-network.shape.splice, network.shape.splice + 1)
    weight, bias = array(network.first.weight), array(network.first.bias)
    bias = bias - weight @ np.tile(array(network.mean) * array(network.scale), len(splice))
    weight = weight * np.tile(array(network.scale), len(splice))
    source = f"Append({', '.join(at('input', offset) for offset in splice)})"
    width = network.shape.width
    name = add("first.affine", "affine", source, *normed(weight, bias, network.norm))
    past = add("first.relu", "relu", name, np.zeros(width))
    for number, layer in enumerate(network.layers, 1):
        reach = STEP * layer.reach
        narrow = array(layer.narrow.weight)
        low = add(f"l{number}.narrow", "affine", f"Append({at(past, -reach)}, {past})", narrow, np.zeros(len(narrow)))
        wide = normed(array(layer.wide.weight), array(layer.wide.bias), layer.norm)
        high = add(f"l{number}.wide", "affine", f"Append({low}, {at(low, reach)})", *wide)
        high = add(f"l{number}.relu", "relu", high, np.zeros(width))
        past = add(f"l{number}.sum", "copy", f"Sum({high}, Scale({PAST}, {past}))", np.zeros(width))
    bottom = array(network.bottom.weight)
    low = add("bottom", "affine", past, bottom, np.zeros(len(bottom)))
    add("last", "affine", low, array(network.last.weight), array(network.last.bias))
    return plan, parts


def write_model(
    path: Path, network: Network, phones: int, tuples: Sequence[Tuple], priors: NDArray[np.float64] | None = None
) -> None:
    """Write `final.mdl`; with `priors` the scores are normalised and the priors' logarithm taken off by the decoder."""
    network.eval()
    plan, parts = _fold(network)
    output = "last"
    if priors is not None:
        output = "posteriors"
        plan.append("component-node name=posteriors component=posteriors input=last")
        parts.append((output, "softmax", (np.zeros(network.shape.outputs),)))
    plan.append(f"output-node name=output input={output} objective=linear")
    with path.open("wb") as file:
        writer = Writer(file)
        file.write(b"\0B")
        transitions(writer, phones, tuples)
        writer.token("<Nnet3>")
        file.write(("\n" + "\n".join(plan) + "\n\n").encode("ascii"))
        writer.token("<NumComponents>")
        writer.integer(len(parts))
        for name, kind, arrays in parts:
            writer.token("<ComponentName>", name)
            if kind == "affine":
                writer.token("<FixedAffineComponent>", "<LinearParams>")
                writer.matrix(arrays[0])
                writer.token("<BiasParams>")
                writer.vector(arrays[1])
                writer.token("</FixedAffineComponent>")
            elif kind == "copy":
                writer.token("<NoOpComponent>", "<Dim>")
                writer.integer(len(arrays[0]))
                writer.token("<BackpropScale>")
                writer.real(1.0)
                writer.token("</NoOpComponent>")
            else:
                component = {"relu": "RectifiedLinearComponent", "softmax": "LogSoftmaxComponent"}[kind]
                writer.token(f"<{component}>", "<Dim>")
                writer.integer(len(arrays[0]))
                for token in ("<ValueAvg>", "<DerivAvg>"):
                    writer.token(token)
                    writer.vector([])
                writer.token("<Count>")
                writer.double(0.0)
                writer.token("<OderivRms>")
                writer.vector([])
                for token in ("<OderivCount>", "<NumDimsSelfRepaired>", "<NumDimsProcessed>"):
                    writer.token(token)
                    writer.double(0.0)
                writer.token(f"</{component}>")
        writer.token("</Nnet3>", "<LeftContext>")
        writer.integer(0)  # Kaldi finds the contexts itself
        writer.token("<RightContext>")
        writer.integer(0)
        writer.token("<Priors>")
        writer.vector([] if priors is None else priors)


@dataclass
class Machine:
    """A transducer as arrays.

    Attributes
    ----------
    source, inputs, outputs, weight, target : arrays of shape (arcs,)
    final : array of shape (states,)
        Infinite where a state is not final.
    start : int
    """

    source: NDArray[np.int64]
    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]
    weight: NDArray[np.float64]
    target: NDArray[np.int64]
    final: NDArray[np.float64]
    start: int


STATE = np.dtype([("weight", "<f4"), ("at", "<u4"), ("arcs", "<u4"), ("no_input", "<u4"), ("no_output", "<u4")])
ARC = np.dtype([("input", "<i4"), ("output", "<i4"), ("weight", "<f4"), ("target", "<i4")])


def write_fst(machine: Machine, path: Path) -> None:
    """Write OpenFst's `const` type, arcs sorted by input."""
    order = np.lexsort((machine.inputs, machine.source))
    states = np.zeros(len(machine.final), STATE)
    many = len(machine.final)
    states["weight"] = machine.final
    states["arcs"] = np.bincount(machine.source, minlength=many)
    states["at"][1:] = np.cumsum(states["arcs"])[:-1]
    states["no_input"] = np.bincount(machine.source[machine.inputs == 0], minlength=many)
    states["no_output"] = np.bincount(machine.source[machine.outputs == 0], minlength=many)
    arcs = np.zeros(len(order), ARC)
    for name, values in (
        ("input", machine.inputs), ("output", machine.outputs), ("weight", machine.weight), ("target", machine.target)
    ):  # fmt: skip
        arcs[name] = values[order]
    with path.open("wb") as file:
        file.write(struct.pack("<i", 2125659606))
        for text in (b"const", b"standard"):
            file.write(struct.pack("<i", len(text)) + text)
        file.write(struct.pack("<iiQqqq", 2, 0, 1, machine.start, many, len(order)))
        file.write(states.tobytes() + arcs.tobytes())


def read_fst(path: Path) -> Machine:
    """Read OpenFst's `const` type."""
    data = path.read_bytes()
    at = 4
    for _ in range(2):
        (size,) = struct.unpack_from("<i", data, at)
        at += 4 + size
    version, flags, _, start, many, count = struct.unpack_from("<iiQqqq", data, at)
    at += 40
    aligned = bool(flags & 4) or version == 1

    def there(place: int) -> int:
        return (place + 15) // 16 * 16 if aligned else place

    states = np.frombuffer(data, STATE, many, there(at))
    arcs = np.frombuffer(data, ARC, count, there(there(at) + states.nbytes))
    return Machine(
        np.repeat(np.arange(many), states["arcs"]),
        arcs["input"].astype(np.int64),
        arcs["output"].astype(np.int64),
        arcs["weight"].astype(np.float64),
        arcs["target"].astype(np.int64),
        states["weight"].astype(np.float64),
        int(start),
    )
