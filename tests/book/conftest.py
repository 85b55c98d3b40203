"""One small book for all tests that only look at it."""

import pytest
from book_project import project

from brnb.book.build import build_book


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    return build_book(project(tmp_path_factory.mktemp("book"))).parent
