"""A colorizer trained for a moment, once for all tests of the methods."""

import pytest
from drawings import SMALL, drawing

from refcolor import Colorizer, Config


@pytest.fixture(scope="session")
def standard():
    return Colorizer(Config("standard", **SMALL)).fit(drawing())
