"""No test writes into the home of whoever runs it."""

from collections.abc import Iterator

import pytest

from synthgen.state import VARIABLE


@pytest.fixture(scope="session", autouse=True)
def state_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One state folder for all runs of a session, in this process and in those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("state")))
        yield
