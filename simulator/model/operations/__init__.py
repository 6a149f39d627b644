"""Operations: the primitives that an API model turns a request into, in the block layer's terms.

An operation names images by their nodes and says nothing about what a user meant by it. What each
one does to a machine is in :mod:`simulator.model.transitions`.
"""

from typing import TypeAlias

from simulator.model.operations.bitmaps import (
    BITMAP_WORDS,
    AddBitmap,
    BitmapKey,
    BitmapOperation,
    ClearBitmap,
    DisableBitmap,
    EnableBitmap,
    MergeBitmaps,
    RemoveBitmap,
)
from simulator.model.operations.chains import (
    AddOverlay,
    ChainOperation,
    CommitImages,
    CreateImage,
    DropSnapshot,
    LoadSnapshot,
    MirrorDisk,
    PullImages,
    ResizeImage,
    RevertImages,
    SaveSnapshot,
    StoreBitmaps,
)
from simulator.model.operations.exports import ExportNode, ExportOperation, SetActive, UnexportNode
from simulator.model.operations.files import (
    CommitFile,
    ConvertFile,
    FileOperation,
    RebaseFile,
    RemoveFile,
    WriteFile,
)
from simulator.model.operations.guest import (
    Extent,
    GuestDiscard,
    GuestOperation,
    GuestWrite,
    touched_by,
    writes_of,
)
from simulator.model.operations.jobs import Asked, BitmapMode, ChangeJob, EndJob, RunBackup, Sync
from simulator.model.operations.outside import (
    CopyImage,
    CorruptBackup,
    DropBackup,
    ForgetCheckpoint,
    ForgetSnapshot,
    OutsideOperation,
    RecordCheckpoint,
    RecordSnapshot,
    RestoreCheckpoint,
    StackBackups,
)
from simulator.model.operations.power import (
    AttachDisk,
    CloseImages,
    DetachDisk,
    EndGuest,
    FreezeGuest,
    KillProcess,
    MoveDisks,
    OpenImages,
    PowerOperation,
    ThawGuest,
    Travels,
    UndefineMachine,
)
from simulator.model.refusal import Fault, Refusal

__all__ = [
    "BITMAP_WORDS",
    "AddBitmap",
    "AddOverlay",
    "Asked",
    "AttachDisk",
    "BitmapKey",
    "BitmapMode",
    "BitmapOperation",
    "ChainOperation",
    "ChangeJob",
    "ClearBitmap",
    "CloseImages",
    "CommitFile",
    "CommitImages",
    "ConvertFile",
    "CopyImage",
    "CorruptBackup",
    "CreateImage",
    "DetachDisk",
    "DisableBitmap",
    "DropBackup",
    "DropSnapshot",
    "EnableBitmap",
    "EndGuest",
    "EndJob",
    "ExportNode",
    "ExportOperation",
    "Extent",
    "Fault",
    "FileOperation",
    "ForgetCheckpoint",
    "ForgetSnapshot",
    "FreezeGuest",
    "GuestDiscard",
    "GuestOperation",
    "GuestWrite",
    "KillProcess",
    "LoadSnapshot",
    "MergeBitmaps",
    "MirrorDisk",
    "MoveDisks",
    "OpenImages",
    "Operation",
    "OutsideOperation",
    "PowerOperation",
    "PullImages",
    "RebaseFile",
    "RecordCheckpoint",
    "RecordSnapshot",
    "Refusal",
    "RemoveBitmap",
    "RemoveFile",
    "ResizeImage",
    "RestoreCheckpoint",
    "RevertImages",
    "RunBackup",
    "SaveSnapshot",
    "SetActive",
    "StackBackups",
    "StoreBitmaps",
    "Sync",
    "ThawGuest",
    "Travels",
    "UndefineMachine",
    "UnexportNode",
    "WriteFile",
    "touched_by",
    "writes_of",
]

Operation: TypeAlias = (
    GuestOperation
    | BitmapOperation
    | ChainOperation
    | ExportOperation
    | OutsideOperation
    | FileOperation
    | PowerOperation
    | CreateImage
    | RunBackup
    | EndJob
    | ChangeJob
)
