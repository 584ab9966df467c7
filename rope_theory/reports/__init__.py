"""Public overviews, what every result has in common, and files that are written whole or not at all."""

from rope_theory._check_overview import check_overview
from rope_theory._core.files import (
    check_folder_place,
    check_place,
    remove_leftovers,
    whole_folder,
    write_bytes,
    write_text,
)
from rope_theory._core.records import Record, Table, json_ready

__all__ = [
    "Record",
    "Table",
    "check_folder_place",
    "check_overview",
    "check_place",
    "json_ready",
    "remove_leftovers",
    "whole_folder",
    "write_bytes",
    "write_text",
]
