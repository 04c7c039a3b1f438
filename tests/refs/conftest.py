import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _no_crds_environment(monkeypatch):
    """Keep the user's own cache, context and server out of the tests."""
    import os

    for name in list(os.environ):
        if name.startswith("CRDS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
