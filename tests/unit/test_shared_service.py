"""A service that test processes share starts once, ends after its last user, and starts again later."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.shared_service import ServiceFacts, shared_service


class Service:
    """Counts its starts and its ends."""

    def __init__(self) -> None:
        self.starts = self.ends = 0

    @contextmanager
    def __call__(self, folder: Path) -> Iterator[ServiceFacts]:
        self.starts += 1
        yield {"folder": str(folder), "start": self.starts}
        self.ends += 1


def test_the_starter_ends_the_service_after_its_last_user(tmp_path: Path) -> None:
    service, first, second = Service(), ExitStack(), ExitStack()
    facts = first.enter_context(shared_service(tmp_path, "broker", service))
    assert facts == {"folder": str(tmp_path / "broker"), "start": 1}
    assert second.enter_context(shared_service(tmp_path, "broker", service)) == facts
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(first.close)
        assert wait([ending], timeout=0.2).not_done
        assert service.ends == 0
        second.close()
        ending.result(20.0)
    assert (service.starts, service.ends) == (1, 1)


def test_a_later_user_starts_the_service_again(tmp_path: Path) -> None:
    service = Service()
    for number in (1, 2):
        with shared_service(tmp_path, "broker", service) as facts:
            assert facts["start"] == number
        assert service.ends == number


def test_two_services_do_not_wait_for_each_other(tmp_path: Path) -> None:
    service = Service()
    with shared_service(tmp_path, "broker", service), shared_service(tmp_path, "database", service):
        assert service.starts == 2
    assert service.ends == 2
