"""What several tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the program itself does, and before numpy is there


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """For a ``with``: be somebody whom file permissions bind, also where the tests run as root."""

    @contextmanager
    def nobody() -> Iterator[None]:
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)

    return nobody
