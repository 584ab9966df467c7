"""Verbs about tables, bounds and proofs."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

import rope_theory as rt
from rope_theory import reports
from rope_theory.cli._shown import AsJson, Config, LayerType, OptionalConfig, show, verb
from rope_theory.errors import Conflict, MissingArgument, MissingFile, OutOfRange, UnknownChoice

HeadDim = Annotated[int | None, Option(help="Without CONFIG: width of a head; default 128.")]
Base = Annotated[float | None, Option(help="Without CONFIG: RoPE base; default 10000.")]
RotaryDim = Annotated[int | None, Option(help="Without CONFIG: rotated width, if not all.")]
Offset = Annotated[float, Option(help="Offset s in tokens.")]


@verb
def bounds(
    config: OptionalConfig = None,
    layer_type: LayerType = None,
    head_dim: HeadDim = None,
    base: Base = None,
    rotary_dim: RotaryDim = None,
    context_length: Annotated[
        int | None, Option(help="Without CONFIG: trained window in tokens; default 2048.")
    ] = None,
    offset: Offset = 0.5,
    left: Annotated[float | None, Option(help="Left end of the cell; default floor(s).")] = None,
    right: Annotated[float | None, Option(help="Right end of the cell; default floor(s) + 1.")] = None,
    h_max: Annotated[float, Option(help="Bound on every |h_j|.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Print every closed-form bound that gives a number at one offset, proved and refuted."""
    table = _table(
        config, layer_type, head_dim=head_dim, base=base, rotary_dim=rotary_dim, context_length=context_length
    )
    show(reports.bounds(table, offset, left, right, h_max=h_max), as_json)


def _table(config: str | None, layer_type: str | None, **given: Any) -> rt.Frequencies:
    widths = {name: value for name, value in given.items() if value is not None}
    if config is None:
        if layer_type is not None:
            raise MissingArgument(("CONFIG",), "--layer-type chooses a table of a CONFIG")
        return rt.scaling.Unscaled().frequencies(rt.RopeConfig(**{"head_dim": 128, **widths}))
    if widths:
        options = ", ".join("--" + name.replace("_", "-") for name in widths)
        raise Conflict((options, "CONFIG"), "exclude each other: a CONFIG says this already", "leave one out")
    return rt.from_hf(config, layer_type=layer_type).frequencies()


@verb
def certify(
    config: OptionalConfig = None,
    layer_type: LayerType = None,
    head_dim: HeadDim = None,
    base: Base = None,
    rotary_dim: RotaryDim = None,
    window: Annotated[
        int | None,
        Option(help="Trained window in tokens: offsets 0 … window − 1; default CONFIG's, else 2048."),
    ] = None,
    offset: Offset = 0.5,
    ratio: Annotated[float, Option(help="Largest |h_j| over the largest trained |score|, H/A.")] = 1.0,
    save: Annotated[str | None, Option(metavar="FILE", help="Write the certificate to FILE, as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Prove how large a score can be at an offset, given its size on the trained ones and that of h.

    Trained scores are at most 1. With a CONFIG that is scaled, they are those of its unscaled table, and the
    scaled one is asked at the offset.
    """
    if save is not None:
        reports.check_place(Path(save))
    if window is not None and window < 2:
        raise OutOfRange("--window", window, low=2, remedy="It is the trained window in tokens")
    length = window if config is None else None
    table = _table(config, layer_type, head_dim=head_dim, base=base, rotary_dim=rotary_dim, context_length=length)
    trained = table.config.context_length if window is None else window
    said = [] if save is None else [f"written to {save}; check it with: rope-theory verify {save}"]
    show(reports.certify(table, offset, trained, ratio=ratio, save=save), as_json, *said)


@verb
def verify(
    file: Annotated[str, Argument(metavar="FILE", help="A certificate written by certify --save.")],
    bits: Annotated[int, Option(help="Working precision of ball arithmetic.")] = 256,
    as_json: AsJson = False,
) -> None:
    """Check a certificate again in ball arithmetic; a changed field or a false number is named, with exit code 2."""
    if not os.path.lexists(file):
        raise MissingFile(str(file), "does not exist", "rope-theory certify --save FILE writes one")
    certificate = rt.certificates.Certificate.load(file)
    show(reports.verify(certificate, bits=bits), as_json)


@verb
def prove(
    name: Annotated[str | None, Argument(metavar="NAME", help="Which proof; all of them when not given.")] = None,
    latex: Annotated[bool, Option("--latex", help="Print the proof as LaTeX instead, unchecked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check proofs step by step: by algebra, or by ball arithmetic; failing steps are named."""
    proofs = _proofs()
    names = list(proofs.PROOFS)
    if name not in (None, *names):
        raise UnknownChoice("The name of a proof", repr(name), tuple(names))
    chosen = names if name is None else [name]
    if latex:
        if as_json:
            raise Conflict(("--latex", "--json"), "exclude each other", "leave one out")
        typer.echo("\n\n".join(proofs.PROOFS[one].latex() for one in chosen))
        return
    show(proofs.overview(*chosen), as_json)


def _proofs() -> Any:
    """Return the package ``proofs``, which lies beside this one in a checkout and is in no wheel."""
    checkout = Path(rt.__file__).resolve().parents[1]
    if not (checkout / "proofs" / "proof.py").is_file():
        raise MissingFile(
            str(checkout / "proofs"),
            "does not exist: the machine-checked proofs are part of the repository, not of the installed package",
            "clone the repository and run `make install` there, then this command",
        )
    if sys.path[0] != str(checkout):
        sys.path.insert(0, str(checkout))
    return importlib.import_module("proofs")


@verb
def frequencies(
    config: Config,
    layer_type: LayerType = None,
    length: Annotated[int | None, Option(help="Current length in tokens; default the trained window.")] = None,
    factor: Annotated[
        float | None, Option(help="Factor of the methods compared; default the configured one, else 4.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a model's rotary table pair by pair, and by how much each scaling slows every pair."""
    model = rt.from_hf(config, layer_type=layer_type)
    show(reports.frequencies(model, length=length, factor=factor), as_json, source=config)
