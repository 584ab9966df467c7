"""Numpy arrays and torch tensors in, the same kind out, float64 in between.

``Space`` says which library and device a computation lives in. Everything that enters passes through
``real``, ``complex_`` or ``offsets`` below, which are the only places where arrays are checked.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rope_theory._core.checks import LARGEST_OFFSET
from rope_theory.errors import WrongType, WrongValue

Array: TypeAlias = Any
"""A numpy array or a torch tensor."""

LARGEST_REAL, LARGEST_COMPLEX = 1e100, 1e200
"""Largest magnitudes in real arrays (q, k) and complex ones (h, made of products): no sum here overflows."""

LARGEST_SINGLE_REAL, LARGEST_SINGLE_COMPLEX = 1e15, 1e30
"""The same for float32."""

FASTEST = 1e6
"""Largest angular frequency, rad/token; RoPE's own are at most 1."""

BLOCK_ELEMENTS = 1 << 20
"""Elements of an offsets × pairs table held at one time (8 MiB of float64)."""


def is_tensor(value: Any) -> bool:
    """Tell whether ``value`` is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def as_numpy(value: Any) -> Any:
    """Return a tensor as a numpy array, off its device and without its graph; anything else as it is."""
    return value.detach().cpu().numpy() if is_tensor(value) else value


@dataclass(frozen=True)
class Space:
    """An array library and a device; ``dtype`` is the real dtype computed in."""

    xp: Any
    device: Any
    dtype: Any
    complex_dtype: Any

    @property
    def is_numpy(self) -> bool:
        """Whether arrays of this space are numpy's."""
        return self.xp is np


def space_of(*values: Any, keep_dtype: bool = False) -> Space:
    """Return the space of ``values``: that of the torch tensors among them, else numpy's.

    float64 throughout, unless ``keep_dtype`` asks for the tensors' own floating dtype.
    """
    tensors = [value for value in values if is_tensor(value)]
    if not tensors:
        return Space(np, None, np.float64, np.complex128)
    import array_api_compat.torch

    xp: Any = array_api_compat.torch

    devices = {str(tensor.device) for tensor in tensors}
    if len(devices) > 1:
        raise WrongValue(
            "The tensors", f"live on different devices ({', '.join(sorted(devices))})", remedy="move them to one"
        )
    dtype, complex_dtype = xp.float64, xp.complex128
    if keep_dtype:
        kinds = {tensor.dtype for tensor in tensors if tensor.is_floating_point() or tensor.is_complex()}
        if kinds and kinds <= {xp.float32, xp.complex64}:
            dtype, complex_dtype = xp.float32, xp.complex64
        elif not kinds <= {xp.float64, xp.complex128, xp.float32, xp.complex64}:
            raise WrongValue(
                "keep_dtype",
                "works with float32 and float64 tensors",
                f"{', '.join(sorted(map(str, kinds)))}",
                "torch has no complex numbers of that width; convert first or leave keep_dtype out",
            )
    return Space(xp, tensors[0].device, dtype, complex_dtype)


def real(value: Any, name: str, space: Space) -> Array:
    """Return ``value`` as a finite, non-empty real array of ``space``."""
    return _converted(value, name, space, space.dtype, "real")


def complex_(value: Any, name: str, space: Space) -> Array:
    """Return ``value`` as a finite, non-empty complex array of ``space``."""
    return _converted(value, name, space, space.complex_dtype, "complex")


def offsets(value: Any, name: str, space: Space) -> Array:
    """Return offsets in tokens: finite, and no further than 2**53 from zero."""
    wide = Space(space.xp, space.device, space.xp.float64, space.complex_dtype)  # float32 ends at 2**24
    if isinstance(value, int) and not isinstance(value, bool):
        value = max(-(2**62), min(value, 2**62))  # numpy has no wider integer; the check below speaks
    result = _converted(value, name, wide, wide.dtype, "real")
    given = value if is_tensor(value) else np.asarray(value)
    if str(given.dtype) in ("int64", "uint64", "torch.int64"):  # not yet rounded: 2**53 + 1 is no float
        far = (given > int(LARGEST_OFFSET)) | (given < -int(LARGEST_OFFSET))
    else:
        far = abs(result) > LARGEST_OFFSET
    if bool(far.any()):
        raise WrongValue(
            name,
            f"reaches beyond ±2**53 tokens ({first(result, far):g}), where float64 no longer "
            "tells neighbouring offsets apart",
            remedy="use smaller offsets",
        )
    return result


def _converted(value: Any, name: str, space: Space, dtype: Any, kind: str) -> Array:
    if hasattr(value, "theta") and hasattr(value, "scaling"):
        raise WrongType(name, "got a Frequencies", remedy="pass its .theta, or put it in the place of theta")
    if is_tensor(value):
        if space.is_numpy:
            raise WrongType(name, "must be a numpy array here", "a torch tensor", "pass its .detach().cpu().numpy()")
        if str(value.layout) != "torch.strided" or value.device.type == "meta":
            raise WrongType(name, "must be an ordinary tensor with values", "a sparse or meta tensor", "convert it")
        if value.dtype == space.xp.bool:
            raise WrongType(name, "must be an array of numbers", "a tensor of dtype torch.bool")
        if value.is_complex() and kind == "real":
            raise WrongType(name, "must be real", "a complex tensor")
        result = value.to(dtype)
    else:
        if isinstance(value, np.ma.MaskedArray):
            raise WrongType(name, "is a masked array", remedy="fill or drop its masked values first")
        try:
            array = np.asarray(value)
        except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: tensors inside a list
            raise WrongType(
                name, "must be an array of numbers", f"{type(value).__name__} ({error})", "torch.stack joins tensors"
            ) from error
        if array.dtype.kind not in "iufc":
            raise WrongType(name, "must be an array of numbers", f"{type(value).__name__} with dtype {array.dtype}")
        if array.dtype.kind == "c" and kind == "real":
            raise WrongType(name, "must be real", "complex numbers", "were h and theta exchanged?")
        if space.is_numpy:
            result = array.astype(dtype, copy=False)
        else:
            result = space.xp.asarray(np.array(array, order="C"), dtype=dtype, device=space.device)
    if 0 in result.shape:
        raise WrongValue(name, f"is empty (shape {tuple(result.shape)})", remedy="at least one element is needed")
    finite = space.xp.isfinite(result)
    if not bool(finite.all()):
        count = int((~finite).sum())
        place = int((~finite).reshape(-1).nonzero()[0][0])
        raise WrongValue(
            name,
            f"contains {count} NaN or infinite value(s) of {math.prod(result.shape)}, the first at flat index {place}",
            remedy="all must be finite: replace or drop them",
        )
    single = str(result.dtype).endswith(("float32", "complex64"))
    limits = (LARGEST_SINGLE_REAL, LARGEST_SINGLE_COMPLEX) if single else (LARGEST_REAL, LARGEST_COMPLEX)
    largest = limits[kind == "complex"]
    if bool((large := abs(result) > largest).any()):
        place = int(large.reshape(-1).nonzero()[0][0])
        raise WrongValue(
            name,
            f"reaches beyond {largest:g} at flat index {place}, where scores in {result.dtype} would overflow",
            remedy="scale it down",
        )
    return result


def first(array: Array, chosen: Array) -> float:
    """Return the first chosen element, for a message."""
    return float(array.reshape(-1)[chosen.reshape(-1)][0])


def runs(mask: Array) -> list[tuple[int, int]]:
    """Return the first index of every run of True in a numpy mask (n,), and the one after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def angular(theta: Any, space: Space, name: str = "theta") -> Array:
    """Return angular frequencies, rad/token, shape (P,), from an array or a ``Frequencies`` called ``name``."""
    values = values_behind(theta)
    if hasattr(values, "rotary_dim") or hasattr(values, "frequencies"):  # a config or a scaling
        raise WrongType(
            name,
            "must be an array or a Frequencies",
            type(values).__name__,
            "a scaling makes one of a config: Unscaled().frequencies(config)",
        )
    wide = Space(space.xp, space.device, space.xp.float64, space.complex_dtype)
    result = real(values, name, wide)
    if len(result.shape) != 1:
        raise WrongValue(name, "must be one-dimensional, one angular frequency a pair", f"shape {tuple(result.shape)}")
    if bool((negative := result < 0).any()):
        raise WrongValue(
            name,
            f"contains negative frequencies, such as {first(result, negative):g}",
            remedy="give magnitudes in rad/token, zero or above",
        )
    if bool((fast := result > FASTEST).any()):
        raise WrongValue(
            name, f"reaches beyond {FASTEST:g} rad/token ({first(result, fast):g})", remedy="RoPE turns by at most 1"
        )
    return result


def numpy_angular(theta: Any, name: str = "theta") -> Array:
    """Return angular frequencies as numpy's, (P,), where the answer is numpy's whatever came."""
    return angular(as_numpy(values_behind(theta)), space_of(), name)


def values_behind(theta: Any) -> Any:
    """Return what decides the space of ``theta``: its array where it is a ``Frequencies``."""
    return getattr(theta, "theta", theta)


def coefficients(h: Any, pairs: int, space: Space) -> Array:
    """Return coefficients (..., P), complex, that match ``pairs`` frequencies."""
    result = complex_(h, "h", space)
    if len(result.shape) == 0 or result.shape[-1] != pairs:
        raise WrongValue(
            "h",
            f"must have one coefficient a frequency on its last axis: theta has {pairs}, h has "
            f"shape {tuple(result.shape)}",
            remedy="Give h and theta of the same model, and rotary_dim to score_coefficients where only "
            "part of the head rotates",
        )
    return result


def phasors(theta: Array, s: Array, space: Space) -> tuple[Array, Array]:
    """Return cos(sθ) and sin(sθ), shape (*S, P), each right to a few ulps for every abs(s) ≤ 2**53.

    θ and s are float64; the result has the space's dtype. The rounding of the product sθ alone would cost
    abs(s)·θ·1e-16 of phase; it is recovered by Dekker's exact product and added back by the addition theorem.
    """
    xp = space.xp
    product = s[..., None] * theta
    error = _product_error(s[..., None], theta, product)
    if not space.is_numpy:
        error = error.detach()
    cos, sin = xp.cos(product), xp.sin(product)
    if float(abs(error).max()) < 1e-8:  # then cos(error) = 1 and sin(error) = error in float64
        cos, sin = cos - error * sin, sin + error * cos
    else:
        cos_error, sin_error = xp.cos(error), xp.sin(error)
        cos, sin = cos * cos_error - sin * sin_error, sin * cos_error + cos * sin_error
    return xp.astype(cos, space.dtype, copy=False), xp.astype(sin, space.dtype, copy=False)


def _product_error(a: Array, b: Array, product: Array) -> Array:
    """Return a·b − product exactly (Dekker 1971); a and b within 2**900 of zero."""
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(a: Array) -> tuple[Array, Array]:
    shifted = a * 134217729.0  # 2**27 + 1: splits the 53 bits in two halves (Veltkamp)
    high = shifted - (shifted - a)
    return high, a - high


def slices(count: int, size: int) -> list[slice]:
    """Return slices of at most ``size`` that cover ``count`` places in order."""
    return [slice(first, min(count, first + size)) for first in range(0, count, size)]


def over_blocks(kernel: Callable[[Array], Array], flat: Array, width: int, space: Space) -> Array:
    """Apply ``kernel`` to pieces of one-dimensional ``flat`` and join the results along the last axis.

    ``width`` is the number of table columns a single element of ``flat`` needs; it sets the piece length.
    """
    length = max(1, BLOCK_ELEMENTS // max(1, width))
    if flat.shape[0] <= length:
        return kernel(flat)
    pieces = [kernel(flat[part]) for part in slices(flat.shape[0], length)]
    return np.concatenate(pieces, axis=-1) if space.is_numpy else space.xp.concat(pieces, axis=-1)


def in_kind(result: Array, space: Space) -> Array:
    """Return numpy scalars for zero-dimensional numpy results, tensors and arrays as they are."""
    return result[()] if space.is_numpy and isinstance(result, np.ndarray) else result
