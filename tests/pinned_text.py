"""Tests of numbers that were made on the sources of the pinned packages."""

import pytest

from experiments.extension import texts

OTHER = texts.other_versions()
needs_pinned_text = pytest.mark.skipif(
    bool(OTHER), reason=f"the text is another: {', '.join(OTHER)}; runs with the pinned versions"
)
