"""An NBD server that says what makes no sense is told so, and costs no time or memory."""

import asyncio
import contextlib
import random
import struct
from pathlib import Path

import pytest

from simulator.hosts.nbd import ALLOCATION, NbdClient, NbdError

HELLO = b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3)

ANSWER = 0x3E889045565A9

ACK, INFO, CONTEXT, REFUSED = 1, 3, 4, (1 << 31) + 1

STRUCTURED = 0x668E33EF

DATA, STATUS, ERROR = 1, 5, (1 << 15) + 1


def answer(kind: int, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack(">QIII", ANSWER, 0, kind, len(data) if length is None else length) + data


def chunk(kind: int, data: bytes, *, cookie: int = 1, length: int | None = None) -> bytes:
    size = len(data) if length is None else length
    return struct.pack(">IHHQI", STRUCTURED, 1, kind, cookie, size) + data


CONTEXTS = answer(CONTEXT, struct.pack(">I", 7) + ALLOCATION.encode()) + answer(ACK)

READY = (
    HELLO + answer(ACK) + CONTEXTS + answer(INFO, struct.pack(">HQH", 0, 65536, 1)) + answer(ACK)
)

NONSENSE = {
    "nothing": b"",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "no answer": HELLO + b"x" * 20,
    "an answer of 4 GiB": HELLO + answer(ACK, length=0xFFFF_FFFF),
    "a refusal": HELLO + answer(REFUSED, b"no"),
    "no number of a context": HELLO + answer(ACK) + answer(CONTEXT, b"ab"),
    "half a size": HELLO + answer(ACK) + CONTEXTS + answer(INFO, bytes(4)),
    "a reply that is none": READY + b"y" * 32,
    "a reply to another question": READY + chunk(STATUS, bytes(12), cookie=9),
    "a reply of 4 GiB": READY + chunk(STATUS, b"", length=0xFFFF_FFFF),
    "no status": READY + chunk(STATUS, struct.pack(">I", 7)),
    "a status of nothing": READY + chunk(STATUS, struct.pack(">III", 7, 0, 0)),
    "a status of another context": READY + chunk(STATUS, struct.pack(">III", 8, 65536, 0)),
    "data, where a status was asked for": READY + chunk(DATA, bytes(16)),
    "half an error": READY + chunk(ERROR, b"ab"),
}
"""What a server says, whatever it is asked."""


async def ask(path: Path, said: bytes) -> None:
    """Ask a server for the status of all, and for its data, while it says something of its own."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(said)
            writer.write_eof()
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        over.set()

    async with await asyncio.start_unix_server(serve, path):
        try:
            client = await NbdClient.connect(str(path), "x", [ALLOCATION])
            try:
                await client.status()
                await client.read(0, 4096)
            finally:
                client.drop()
        finally:
            await over.wait()


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises((NbdError, ConnectionError)):
        asyncio.run(asyncio.wait_for(ask(tmp_path / "nbd", NONSENSE[name]), 60))


def test_data_that_was_not_asked_for_is_told(tmp_path: Path) -> None:
    status = chunk(STATUS, struct.pack(">III", 7, 65536, 0))
    for place, length in ((8192, 16), (0, 8192), (0, 0)):
        data = struct.pack(">Q", place) + bytes(length)
        wrong = READY + status + chunk(DATA, data[: 4 + length], cookie=2)
        with pytest.raises((NbdError, ConnectionError)):
            asyncio.run(asyncio.wait_for(ask(tmp_path / "nbd", wrong), 60))


def test_any_damage_to_what_a_server_says_is_told_or_harmless(tmp_path: Path) -> None:
    status = chunk(STATUS, struct.pack(">III", 7, 65536, 0))
    data = chunk(DATA, struct.pack(">Q", 0) + bytes(4096), cookie=2)
    sound = READY + status + data
    asyncio.run(ask(tmp_path / "nbd", sound))
    draw = random.Random(1)
    for _ in range(300):
        said = bytearray(sound)
        for _ in range(draw.randint(1, 3)):
            said[draw.randrange(len(READY) + 60)] = draw.randrange(256)
        with contextlib.suppress(NbdError, ConnectionError):
            asyncio.run(asyncio.wait_for(ask(tmp_path / "nbd", bytes(said)), 60))
