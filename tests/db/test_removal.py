"""The safe walk: nothing outside a run directory is ever touched."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_db.sources.removal import ASIDE_NAME, MAX_DEPTH, NotRemoved, OpenRoot, Place, Refused, Tally
from tests.db.conftest import Snapshot

TakeSnapshot = Callable[[Path], Snapshot]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A root with one run directory `p/n/runs/r` and files in it."""
    run = tmp_path / "root" / "p" / "n" / "runs" / "r"
    (run / "media" / "deep").mkdir(parents=True)
    (run / "meta.json").write_text("{}")
    (run / "media" / "deep" / "image.png").write_bytes(b"x" * 1000)
    return tmp_path / "root"


@pytest.fixture
def root(folder: Path) -> Iterator[OpenRoot]:
    with OpenRoot(str(folder)) as opened:
        yield opened


RUN = b"p/n/runs/r"


def survey(root: OpenRoot, path: bytes = RUN) -> Tally:
    with root.opened(path) as directory:
        return root.survey(directory)


def aside_of(root: OpenRoot) -> bytes:
    root.make_aside_folders()
    return root.new_aside()


def purge(root: OpenRoot, path: bytes = RUN) -> Tally:
    with root.opened(path) as directory:
        place = Place.of(directory)
        root.survey(directory)
    aside, tally = aside_of(root), Tally()
    root.move(path, aside, place=place)
    root.remove(aside, tally, inode=place.inode)
    root.end_aside(aside)
    return tally


def test_a_run_directory_is_removed_and_what_was_freed_is_told(root: OpenRoot, folder: Path) -> None:
    found = survey(root)
    assert (found.file_count, found.freed_bytes) == (2, 1002)
    removed = purge(root)
    assert (removed.file_count, removed.freed_bytes) == (2, 1002)
    assert os.listdir(folder) == ["p"]
    assert os.listdir(folder / "p/n/runs") == []


def test_links_in_a_run_are_removed_and_what_they_point_to_stays(
    root: OpenRoot, folder: Path, tmp_path: Path, snapshot: TakeSnapshot
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("data")
    run = folder / "p/n/runs/r"
    (run / "to-folder").symlink_to(outside)
    (run / "to-file").symlink_to(outside / "precious")
    (run / "to-nothing").symlink_to("nowhere")
    (run / "loop").symlink_to("loop")
    before = snapshot(outside)
    removed = purge(root)
    assert (removed.file_count, removed.freed_bytes) == (6, 1002)
    assert not run.exists()
    assert snapshot(outside) == before


@pytest.mark.parametrize("link", ["p", "p/n", "p/n/runs", "p/n/runs/r"])
def test_a_link_anywhere_on_the_way_is_refused(
    root: OpenRoot, folder: Path, tmp_path: Path, link: str, snapshot: TakeSnapshot
) -> None:
    outside = tmp_path / "outside"
    (folder / link).rename(outside)
    (folder / link).symlink_to(outside)
    before = snapshot(outside)
    with pytest.raises(Refused, match=r"Refused: .*p/n/runs/r is outside the storage root"):
        survey(root)
    with pytest.raises(Refused, match="outside the storage root"):
        root.move(RUN + b"/media", aside_of(root))
    assert snapshot(outside) == before


@pytest.mark.parametrize("path", [b"../root/p", b"p/../../x", b"/etc", b"p//n", b"p/./n"])
def test_a_path_that_is_not_plainly_below_the_root_is_refused(root: OpenRoot, path: bytes) -> None:
    with pytest.raises(Refused, match="outside the storage root"):
        survey(root, path)


def test_a_root_that_was_replaced_is_refused(root: OpenRoot, folder: Path) -> None:
    folder.rename(folder.with_name("before"))
    folder.mkdir()
    with pytest.raises(Refused, match="another directory than before"):
        survey(root)


def test_a_directory_that_was_put_in_the_place_of_the_one_looked_at_stays(root: OpenRoot, folder: Path) -> None:
    with root.opened(RUN) as directory:
        place = Place.of(directory)
    run = folder / "p/n/runs/r"
    run.rename(run.with_name("old"))
    run.mkdir()
    (run / "precious").write_text("data")
    with pytest.raises(Refused, match="was replaced while it was looked at"):
        root.move(RUN, aside_of(root), place=place)
    assert (run / "precious").read_text() == "data"


def test_something_else_that_lies_aside_is_not_removed(root: OpenRoot, folder: Path) -> None:
    inode = (folder / "p/n/runs/r").stat().st_ino
    aside = aside_of(root)
    (folder / os.fsdecode(aside)).mkdir()
    (folder / os.fsdecode(aside) / "precious").write_text("data")
    with pytest.raises(NotRemoved, match="something else lies at"):
        root.remove(aside, Tally(), inode=inode)
    assert (folder / os.fsdecode(aside) / "precious").read_text() == "data"


def test_what_lies_aside_can_be_reached_by_us_alone_and_is_no_run_for_anybody(root: OpenRoot, folder: Path) -> None:
    (folder / "p/n/runs/r/runs/like-a-run").mkdir(parents=True)
    folder.chmod(0o2775)
    aside = aside_of(root)
    root.move(RUN, aside)
    ours = folder / os.fsdecode(ASIDE_NAME) / str(os.geteuid())
    assert stat.S_IMODE(ours.stat().st_mode) & 0o777 == 0o700
    assert stat.S_IMODE(ours.parent.stat().st_mode) == 0o2775
    # Runicorn takes each folder of `<any>/<any>/runs` for a run.
    assert [path for path in folder.glob("*/*/runs/*") if path.is_dir()] == []
    assert [path for path in folder.glob(".*/*/runs/*") if path.is_dir()] == []
    assert (folder / os.fsdecode(aside) / "runs" / "like-a-run").is_dir()


def test_a_folder_for_what_lies_aside_that_others_can_reach_into_is_refused(root: OpenRoot, folder: Path) -> None:
    ours = folder / os.fsdecode(ASIDE_NAME) / str(os.geteuid())
    ours.mkdir(parents=True)
    ours.chmod(0o777)
    with pytest.raises(Refused, match="others can reach into"):
        root.make_aside_folders()


def test_a_link_in_the_place_of_the_folder_for_what_lies_aside_is_refused(
    root: OpenRoot, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (folder / os.fsdecode(ASIDE_NAME)).symlink_to(tmp_path / "outside")
    with pytest.raises(Refused, match="outside the storage root"):
        root.make_aside_folders()
    assert os.listdir(tmp_path / "outside") == []


def test_a_file_with_another_name_elsewhere_frees_nothing(root: OpenRoot, folder: Path, tmp_path: Path) -> None:
    run = folder / "p/n/runs/r"
    (tmp_path / "dedup").write_bytes(b"y" * 5000)
    os.link(tmp_path / "dedup", run / "model.pt")
    (run / "one").write_bytes(b"z" * 300)
    os.link(run / "one", run / "two")
    found = survey(root)
    assert (found.file_count, found.freed_bytes) == (5, 1302)
    removed = purge(root)
    assert (removed.file_count, removed.freed_bytes) == (5, 1302)
    assert (tmp_path / "dedup").read_bytes() == b"y" * 5000


def test_names_that_are_no_text_are_removed_like_others(root: OpenRoot, folder: Path) -> None:
    run = os.fsencode(folder) + b"/" + RUN
    for name in (b"\xff\xfe", b"new\nline", b"[b]", b"\x1b[31mred", b" ", b"-rf", b"*"):
        os.mkdir(run + b"/" + name)
        with open(run + b"/" + name + b"/" + name, "wb") as file:
            file.write(b"1")
    removed = purge(root)
    assert (removed.file_count, removed.freed_bytes) == (9, 1009)
    assert not os.path.lexists(run)


def test_pipes_and_sockets_are_removed_without_being_opened(root: OpenRoot, folder: Path) -> None:
    os.mkfifo(folder / "p/n/runs/r/pipe")
    assert purge(root).file_count == 3


def test_endlessly_nested_folders_are_refused_before_anything_is_removed(root: OpenRoot, folder: Path) -> None:
    directory = os.open(folder / "p/n/runs/r", os.O_RDONLY)
    for _ in range(MAX_DEPTH + 5):
        os.mkdir("d", dir_fd=directory)
        below = os.open("d", os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = below
    os.close(directory)
    with pytest.raises(Refused, match="nested more than"):
        survey(root)
    assert (folder / "p/n/runs/r/meta.json").exists()


def test_what_cannot_be_emptied_is_told_before_anything_is_removed(directory_of_ordinary_user: Path) -> None:
    run = directory_of_ordinary_user / "root/p/n/runs/r"
    (run / "locked").mkdir(parents=True)
    (run / "locked" / "file").write_text("x")
    (run / "locked").chmod(0o500)
    with OpenRoot(str(directory_of_ordinary_user / "root")) as root, pytest.raises(PermissionError):
        survey(root)
    (run / "locked").chmod(0o700)


def test_what_can_be_removed_is_removed_although_something_else_cannot(directory_of_ordinary_user: Path) -> None:
    run = directory_of_ordinary_user / "root/p/n/runs/r"
    for name in ("a", "locked", "z"):
        (run / name).mkdir(parents=True)
        (run / name / "file").write_text("x")
    (run / "locked").chmod(0o500)
    with OpenRoot(str(directory_of_ordinary_user / "root")) as root:
        aside, tally = aside_of(root), Tally()
        inode = run.stat().st_ino
        root.move(RUN, aside)
        with pytest.raises(NotRemoved, match="Permission denied"):
            root.remove(aside, tally, inode=inode)
        assert (tally.file_count, tally.freed_bytes) == (2, 2)
        (directory_of_ordinary_user / "root" / os.fsdecode(aside) / "locked").chmod(0o700)
        root.remove(aside, tally, inode=inode)
        assert (tally.file_count, tally.freed_bytes) == (3, 3)
        assert not root.exists(aside)
        root.remove(aside, tally, inode=inode)


@pytest.fixture
def mounted(folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder from outside that is mounted into the run directory; of the same disk, so with the same device."""
    outside, inside = tmp_path / "outside", folder / "p/n/runs/r/media/mounted"
    outside.mkdir()
    inside.mkdir()
    (outside / "precious").write_text("data")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(outside), os.fsencode(inside), None, 4096, None) != 0:
        pytest.skip("mounting needs root")
    yield outside
    subprocess.run(["umount", inside], check=True)


def test_what_is_mounted_in_a_run_is_never_entered(root: OpenRoot, folder: Path, mounted: Path) -> None:
    with pytest.raises(Refused, match="another file system is mounted in it"):
        survey(root)
    with root.opened(RUN) as directory:
        place = Place.of(directory)
    aside = aside_of(root)
    root.move(RUN, aside)
    with pytest.raises(NotRemoved):
        root.remove(aside, Tally(), inode=place.inode)
    assert (mounted / "precious").read_text() == "data"
    root.move(aside, RUN)
    assert (folder / "p/n/runs/r/media/mounted/precious").exists()


def test_a_run_that_lies_on_another_mount_than_the_root_is_refused(folder: Path, mounted: Path) -> None:
    with (
        OpenRoot(str(folder)) as root,
        pytest.raises(Refused, match="lies on another file system than the storage root"),
    ):
        survey(root, RUN + b"/media/mounted")


Trees = st.lists(
    st.tuples(
        st.sampled_from(["file", "folder", "link", "hard link inside", "hard link outside"]),
        st.integers(0, 5),
        st.integers(0, 3000),
    ),
    max_size=25,
)


@given(tree=Trees)
@settings(max_examples=60)
def test_whatever_a_run_holds_exactly_that_is_removed_and_counted(
    tmp_path_factory: pytest.TempPathFactory, tree: list[tuple[str, int, int]]
) -> None:
    top = tmp_path_factory.mktemp("tree")
    run, outside = top / "root" / "runs" / "r", top / "outside"
    run.mkdir(parents=True)
    outside.mkdir()
    (outside / "0").write_bytes(b"o" * 70)
    folders, files, own = [run], [], 0
    for number, (kind, place, size) in enumerate(tree):
        path = folders[place % len(folders)] / f"{number}"
        if kind == "folder":
            path.mkdir()
            folders.append(path)
            continue
        if kind == "link":
            path.symlink_to(outside)
        elif kind == "hard link outside":
            os.link(outside / "0", path)
        elif kind == "hard link inside" and files:
            os.link(files[place % len(files)], path)
        else:
            path.write_bytes(b"i" * size)
            files.append(path)
            own += size
    count = sum(len(names) for _, _, names in os.walk(run)) + sum(kind == "link" for kind, _, _ in tree)
    with OpenRoot(str(top / "root")) as root:
        found = survey(root, b"runs/r")
        assert (found.file_count, found.freed_bytes) == (count, own)
        removed = purge(root, b"runs/r")
    assert (removed.file_count, removed.freed_bytes) == (count, own)
    assert not run.exists()
    assert [(path.name, path.read_bytes(), path.stat().st_nlink) for path in outside.iterdir()] == [("0", b"o" * 70, 1)]
