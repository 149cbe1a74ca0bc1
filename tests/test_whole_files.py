"""A file that must not take another one's place: whole or not there, whoever dies and whoever writes beside."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from outcamp.store.whole_files import write_new
from outcome_world import killed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # whoever is killed closes no file
def test_a_kill_leaves_all_of_it_or_nothing(tmp_path: Path) -> None:
    """Wherever it dies, a file that is there is whole; if none is there, the next try writes it."""
    number = 1
    while killed(number, partial(write_new, path := tmp_path / str(number) / "a.yaml", "name: spring\n")):
        if not path.exists():
            write_new(path, "name: spring\n")
        assert "name: spring\n" == path.read_text(encoding="utf-8")
        number += 1
    assert number > 10


def test_a_name_that_is_taken_keeps_its_file(tmp_path: Path) -> None:
    """Nothing of the other one is left beside it."""
    path = tmp_path / "a.yaml"
    write_new(path, "one")
    with pytest.raises(FileExistsError):
        write_new(path, "two")
    assert ([path], "one") == (list(tmp_path.iterdir()), path.read_text(encoding="utf-8"))


def test_of_many_at_once_one_wins(tmp_path: Path) -> None:
    """The others are told, and its file is whole."""

    def write(number: int) -> int | None:
        try:
            write_new(tmp_path / "a.yaml", f"{number}" * 1000)
        except FileExistsError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        (winner,) = {number for number in pool.map(write, range(8)) if number is not None}
    assert f"{winner}" * 1000 == (tmp_path / "a.yaml").read_text(encoding="utf-8")
