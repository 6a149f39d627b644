"""Files that a command leaves behind: written whole, or left as they were."""

import contextlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

NEIGHBOUR = ".backup-timeline-{process}-{number}.part"
"""Name of a file that is not whole yet, beside the one whose place it takes."""

PERMISSIONS = 0o666
"""Of a file that was not there; the user's umask takes its share."""

Check = Callable[[Path], None]
"""Looks at the file that is to be replaced, and raises OSError where it has to stay."""


class ChangedMeanwhile(OSError):
    """A file is no longer what it was when it was read: somebody else's edit is newer."""

    def __init__(self, path: str) -> None:
        super().__init__(None, "it was changed meanwhile, and is left as it is", path)


@contextlib.contextmanager
def open_output(path: str | os.PathLike[str], *, fresh: bool = False) -> Iterator[BinaryIO]:
    """Give a stream of bytes that becomes the file when the block ends without an exception.

    What is written goes to a neighbour, which then takes the file's place at once. Where anything
    fails (a full disk, Ctrl-C), the neighbour is removed, and the file is what it was before.
    Permissions stay, the owner, too; of a symbolic link the file that it leads to is written. What
    is no regular file, such as ``/dev/stdout``, is written directly.

    A file with several names would lose them, and another user's file its owner, if another took
    its place: such a file gets its new content in place, after it has been written whole beside it
    and after room for it has been set aside. Only there may a killed program leave a half.

    Args:
        fresh: Whether the file may not be there yet.

    Raises:
        FileExistsError: It may not be there, and is.
        OSError: It cannot be written.
    """
    with _replacing(path, lambda target: None, fresh=fresh) as stream:
        yield stream


@contextlib.contextmanager
def open_text(path: str | os.PathLike[str], *, fresh: bool = False) -> Iterator[TextIO]:
    """Give a stream of text in UTF-8, its line ends as they are; see :func:`open_output`."""
    with open_output(path, fresh=fresh) as raw:
        # Nothing waits in this wrapper, so letting go of it cannot fail.
        text = io.TextIOWrapper(raw, encoding="utf-8", newline="", write_through=True)
        try:
            yield text
        finally:
            text.detach()


def write_text(path: str | os.PathLike[str], text: str, *, fresh: bool = False) -> None:
    """Write a text in UTF-8 as a whole; see :func:`open_output`."""
    with open_text(path, fresh=fresh) as stream:
        stream.write(text)


def replace_if_unchanged(path: str | os.PathLike[str], before: bytes, after: bytes) -> None:
    """Give a file new content, if it still has the content that this was made of.

    The look at the file comes last, when the new content is there already: nothing but the rename
    itself lies between.

    Raises:
        ChangedMeanwhile: The file has other content by now, or is gone; it is left so.
        OSError: It cannot be read or written.
    """

    def check(target: Path) -> None:
        try:
            now = target.read_bytes()
        except FileNotFoundError:
            now = None
        if now != before:
            raise ChangedMeanwhile(os.fspath(path))

    with _replacing(path, check, fresh=False) as stream:
        stream.write(after)


def is_same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two paths lead to one file, be it there or not."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


@contextlib.contextmanager
def _replacing(path: str | os.PathLike[str], check: Check, *, fresh: bool) -> Iterator[BinaryIO]:
    """Give the stream of a neighbour, and put it in its place at the end.

    Args:
        check: Asked when the new content is whole.
    """
    target, there = _find(path, fresh=fresh)
    if there is not None and not stat.S_ISREG(there.st_mode):
        check(target)
        with target.open("wb") as stream:
            yield stream
        return
    neighbour, whole = _open_neighbour(target)
    try:
        with whole:
            yield whole
            whole.flush()
            if there is not None:
                os.fsync(whole.fileno())
        check(target)
        _take_place(neighbour, target, there, fresh=fresh)
    finally:
        with contextlib.suppress(FileNotFoundError):
            neighbour.unlink()


def _find(path: str | os.PathLike[str], *, fresh: bool) -> tuple[Path, os.stat_result | None]:
    """Return the file that a path leads to, and what it is; None where there is none."""
    if fresh and os.path.lexists(path):
        raise FileExistsError(17, "File exists", os.fspath(path))
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return Path(os.path.realpath(path)), None
    target = Path(path)
    if stat.S_ISDIR(there.st_mode):
        raise IsADirectoryError(21, "Is a directory", os.fspath(path))
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "Permission denied", os.fspath(path))
    return Path(os.path.realpath(target)) if stat.S_ISREG(there.st_mode) else target, there


def _open_neighbour(target: Path) -> tuple[Path, BinaryIO]:
    """Return a new empty file in the folder of another one."""
    number = 0
    while True:
        name = NEIGHBOUR.format(process=os.getpid(), number=number)
        neighbour = target.parent / name
        try:
            number += 1
            handle = os.open(neighbour, os.O_RDWR | os.O_CREAT | os.O_EXCL, PERMISSIONS)
        except FileExistsError:
            continue
        return neighbour, os.fdopen(handle, "wb")


def _take_place(
    neighbour: Path, target: Path, there: os.stat_result | None, *, fresh: bool
) -> None:
    """Make a file that is whole the one that another was, or was to be."""
    if there is None:
        if fresh:
            _link(neighbour, target)
        else:
            os.replace(neighbour, target)
    elif there.st_nlink > 1 or not _owned_alike(neighbour, there):
        _rewrite(target, neighbour.read_bytes())
    else:
        os.chmod(neighbour, stat.S_IMODE(there.st_mode))
        os.replace(neighbour, target)


def _link(neighbour: Path, target: Path) -> None:
    """Give a file its name, if nobody else has taken it meanwhile."""
    try:
        os.link(neighbour, target)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have one name for each file; there a look has to do.
        if os.path.lexists(target):
            raise FileExistsError(17, "File exists", os.fspath(target)) from None
        os.rename(neighbour, target)


def _owned_alike(neighbour: Path, there: os.stat_result) -> bool:
    """Whether a file belongs to whom another belongs to, after trying to give it away."""
    mine = neighbour.stat()
    if (mine.st_uid, mine.st_gid) == (there.st_uid, there.st_gid):
        return True
    try:
        os.chown(neighbour, there.st_uid, there.st_gid)
    except OSError:
        return False
    return True


def _rewrite(target: Path, after: bytes) -> None:
    """Give a file new content in place; where that fails, its old one again."""
    with target.open("r+b", buffering=0) as file:
        before = file.read()
        try:
            if hasattr(os, "posix_fallocate") and after:
                os.posix_fallocate(file.fileno(), 0, len(after))
            _put(file, after)
        except BaseException:
            _put(file, before)
            raise


def _put(file: io.FileIO, content: bytes) -> None:
    """Write all bytes from the start, and cut off what follows."""
    file.seek(0)
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
    file.truncate()
    os.fsync(file.fileno())
