"""What somebody does to image files who asks nobody, in a few words."""

from typing import assert_never

from simulator.model.operations import (
    BITMAP_WORDS,
    BitmapOperation,
    CommitFile,
    ConvertFile,
    FileOperation,
    MergeBitmaps,
    RebaseFile,
    RemoveFile,
    ResizeImage,
    WriteFile,
)
from simulator.model.requests import UseTool


def _tell_tool(change: BitmapOperation | ResizeImage) -> str:
    """Return what ``qemu-img`` does to a file: ``add bitmap b1 of S1 from outside``."""
    if isinstance(change, ResizeImage):
        clusters = "1 cluster" if change.length == 1 else f"{change.length:,} clusters"
        return f"resize {change.node} from outside to {clusters}"
    verb = BITMAP_WORDS[type(change)]
    what = f"{verb} bitmap {change.name} of {change.node} from outside"
    if isinstance(change, MergeBitmaps):
        told = (name if node == change.node else f"{node}.{name}" for node, name in change.sources)
        what = f"merge {' + '.join(told)} into bitmap {change.name} of {change.node} from outside"
    return what


def tell_file(request: FileOperation | UseTool) -> str:
    """Return what is done to a file: ``rebase S3 onto S1, unsafe``."""
    match request:
        case RemoveFile(image=name):
            return f"delete {name} from outside"
        case WriteFile(image=name):
            return f"write {name} from outside"
        case CommitFile(top=name, base=base):
            return f"commit {name} from outside" + (f" to {base}" if base is not None else "")
        case RebaseFile(image=name, base=base, safe=safe):
            onto = base if base is not None else "nothing"
            return f"rebase {name} onto {onto}" + ("" if safe else ", unsafe")
        case ConvertFile(image=name, target=target):
            return f"convert {name} to {target}"
        case UseTool(change=change):
            return _tell_tool(change)
        case _:
            assert_never(request)
