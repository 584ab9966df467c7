"""Results in a few rows, as reports and as JSON; and what they are made with: files written whole, and workers.

What a verb of ``rope-theory`` prints with ``--json`` is ``as_json(record, …)`` of a record that Python returns:

=============  ========================================================================
verb           record
=============  ========================================================================
bounds         ``reports.bounds(frequencies, s, s1, s2, h_max=…)``
frequencies    ``reports.frequencies(from_hf(config), length=…, factor=…)``
certify        ``reports.certify(frequencies, s, window, ratio=…)``
verify         ``reports.verify(Certificate.load(path), bits=…)``
prove          ``proofs.overview(name, …)``, in a checkout of the repository
doctor         ``doctor.diagnose(config, length)``
recommend      ``doctor.recommend(config, length, layer_type=…)``
check          ``models.check(model, ids, …)``; ``check_overview`` makes a few rows of it
extend         ``models.export_extended(model, tokenizer, scaling, folder, …)``
perplexity     ``models.perplexity(model, documents, window=…, …)``
passkey        ``models.passkey(model, tokenizer, length=…, …)``
finetune       ``models.finetune(model, documents, scaling=…, length=…, …)``
=============  ========================================================================

The JSON is the record's ``to_dict()`` with ``schema`` (``SCHEMA``: the version of this format), ``type`` (the name of
the record's class) and what else the command was told: ``source`` (the config or model, for doctor, frequencies,
check, perplexity, passkey and finetune), ``text`` (check), ``texts`` (perplexity), ``folder`` and ``checkpoints``
(finetune). Without ``--json`` the command prints ``report(record, …).print()``; with ``--html`` it writes
``report(record, page=True, …).to_html()``.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from rope_theory._core.files import (
    check_folder_place,
    check_place,
    remove_leftovers,
    whole_folder,
    write_bytes,
    write_text,
)  # fmt: skip
from rope_theory._core.records import Record, Table, json_ready
from rope_theory._core.workers import in_workers
from rope_theory.errors import WrongType
from rope_theory.reports._bounds import BoundsAtOffset, BoundValue, bounds
from rope_theory.reports._check import AttentionSummary, BoundSummary, CheckOverview, RegionRow, check_overview
from rope_theory.reports._frequencies import FrequencyOverview, FrequencyRow, frequencies
from rope_theory.reports._json import SCHEMA, as_json, as_json_dict
from rope_theory.reports._report import Report
from rope_theory.reports._worst_case import WorstCase, certify, verify

__all__ = [
    "SCHEMA", "AttentionSummary", "BoundSummary", "BoundValue", "BoundsAtOffset", "CheckOverview", "FrequencyOverview",
    "FrequencyRow", "Record", "RegionRow", "Report", "Table", "WorstCase", "as_json", "as_json_dict", "bounds",
    "certify", "check_folder_place", "check_overview", "check_place", "frequencies", "in_workers", "json_ready",
    "remove_leftovers", "report", "verify", "whole_folder", "write_bytes", "write_text",
]  # fmt: skip

_REPORTS = {
    "BoundsAtOffset": "_bounds.bounds_report",
    "Check": "_check.check_report",
    "Diagnosis": "_doctor.diagnosis_report",
    "Extension": "_models.extension_report",
    "FineTuning": "_models.finetuning_report",
    "FrequencyOverview": "_frequencies.frequencies_report",
    "Passkey": "_models.passkey_report",
    "Perplexity": "_models.perplexity_report",
    "ProofOverview": "_proofs.proofs_report",
    "Recommendation": "_doctor.recommendation_report",
    "WorstCase": "_worst_case.worst_case_report",
}
"""Class of a record → the function that makes a report of it."""


def report(record: Record, **about: Any) -> Report:
    """Return a result as a report, which can be printed or made a page.

    Parameters
    ----------
    record : Record
        What one of the calls above returns.
    **about : object
        What the report names: ``source`` and the like, as ``as_json`` takes them. For a diagnosis and a check,
        ``page=True`` adds pictures and what else only a page has room for.

    Returns
    -------
    Report

    Raises
    ------
    TypeError
        For something that no verb prints, and for what its report does not name.
    """
    place = _REPORTS.get(type(record).__name__)
    if place is None or not isinstance(record, Record):
        raise WrongType("record", f"must be one of {', '.join(_REPORTS)}", type(record).__name__)
    module, _, function = place.partition(".")
    make = getattr(importlib.import_module(f"rope_theory.reports.{module}"), function)
    known = list(inspect.signature(make).parameters)[1:]
    if unknown := sorted(about.keys() - known):
        raise WrongType("about", f"must be some of {known} for a {type(record).__name__}", ", ".join(unknown))
    made: Report = make(record, **about)
    return made
