from tests.plots.conftest import _closed_figures  # noqa: F401
