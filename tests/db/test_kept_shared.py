from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runicorn_db.kept_shared import KeptSharedFiles
from runicorn_db.sources.files import Unreadable
from runicorn_db.sources.shared_files import SharedFiles, shared_signature
from tests.db.runs import write_json


@pytest.fixture
def tag(tmp_path: Path) -> Callable[[str], None]:
    """Makes the shared files of the root `tmp_path` give the run "a" this tag."""

    def write(name: str) -> None:
        write_json(tmp_path / ".experiments_metadata.json", {"a": {"id": "a", "tags": [name]}})

    return write


def tags_after(shared: KeptSharedFiles, *, is_thorough: bool = True) -> set[str]:
    shared.look(is_thorough=is_thorough)
    return set(shared.contents().annotation("a").tags)


def test_what_was_read_is_kept_for_the_next_pass_until_it_changes(tmp_path: Path, tag: Callable[[str], None]) -> None:
    kept: dict[str, SharedFiles] = {}
    tag("first")
    first = KeptSharedFiles(str(tmp_path), "", kept)
    assert first.kept is None
    assert tags_after(first) == {"first"}
    assert (first.is_changed, first.signature) == (True, shared_signature(str(tmp_path)))
    second = KeptSharedFiles(str(tmp_path), first.signature, kept)
    assert tags_after(second) == {"first"}
    assert not second.is_changed
    assert second.contents() is first.contents()
    tag("second one")
    third = KeptSharedFiles(str(tmp_path), first.signature, kept)
    assert tags_after(third) == {"second one"}
    assert third.is_changed
    for shared in (first, second, third):
        shared.close()


def test_a_large_database_is_not_read_again_in_passing(tmp_path: Path, tag: Callable[[str], None]) -> None:
    kept: dict[str, SharedFiles] = {}
    tag("first")
    first = KeptSharedFiles(str(tmp_path), "", kept)
    tags_after(first)
    tag("second one")
    with (tmp_path / "runicorn.db-wal").open("wb") as file:
        file.truncate(100 << 20)
    passing = KeptSharedFiles(str(tmp_path), first.signature, kept)
    assert tags_after(passing, is_thorough=False) == {"first"}
    assert (passing.is_changed, passing.signature) == (False, first.signature)
    assert tags_after(passing) == {"second one"}
    first.close()
    passing.close()


def test_the_database_is_open_for_series_until_the_pass_ends(real_root_072: Path) -> None:
    kept: dict[str, SharedFiles] = {}
    with closing(KeptSharedFiles(str(real_root_072), "", kept)) as shared:
        shared.look(is_thorough=True)
        assert shared.open() is shared.contents()
        assert len(list(shared.open().series("20261121_234630_56ebfa"))) == 300
    with pytest.raises(Unreadable, match="closed database"):
        list(kept[str(real_root_072)].series("20261121_234630_56ebfa"))
    with closing(KeptSharedFiles(str(real_root_072), shared.signature, kept)) as shared:
        shared.look(is_thorough=True)
        assert shared.contents() is kept[str(real_root_072)]
        assert len(list(shared.open().series("20261121_234630_56ebfa"))) == 300
