"""A client of the Network Block Device protocol: just what a guest and an observer need.

Source: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
"""

import asyncio
import os
import socket
import struct
from collections.abc import Sequence

from simulator.values import NamedTuple

REQUEST_BYTES_MAX = 32 * 1024 * 1024
"""Largest stretch of data in one request. Source: QEMU 7.2."""

STATUS_BYTES_MAX = 1 << 31
"""Longest stretch that one request asks the status of; the protocol has 32 bits for it."""

REPLY_BYTES_MAX = 2 * REQUEST_BYTES_MAX
"""No server has to say more at once: what was asked for, or the status of a stretch."""

ALLOCATION = "base:allocation"
DEPTH = "qemu:allocation-depth"
DIRTY_BITMAP = "qemu:dirty-bitmap:"
"""What the status of a stretch can be asked for; the last one with a bitmap's name after it."""

ZERO_FLAG = 2
"""In ``base:allocation``: the stretch reads as zeroes."""

_MAGIC, _OPTION_MAGIC = b"NBDMAGIC", b"IHAVEOPT"
_OPTION_REPLY_MAGIC = 0x3E889045565A9
_REQUEST_MAGIC = 0x25609513
_SIMPLE_MAGIC, _STRUCTURED_MAGIC = b"\x67\x44\x66\x98", b"\x66\x8e\x33\xef"
_GO, _STRUCTURED_REPLY, _SET_META_CONTEXT = 7, 8, 10
_ACK, _INFO, _META_CONTEXT, _ERROR_BIT = 1, 3, 4, 1 << 31
_READ, _WRITE, _DISCONNECT, _FLUSH, _TRIM, _WRITE_ZEROES, _BLOCK_STATUS = 0, 1, 2, 3, 4, 6, 7
_DONE = 1
_OFFSET_DATA, _STATUS, _CHUNK_ERROR_BIT = 1, 5, 1 << 15


class NbdError(Exception):
    """The server turns a request down, or speaks no NBD."""


class Extent(NamedTuple):
    """A stretch of the disk with one status.

    Attributes:
        offset, length: Bytes.
        status: In the terms of its context.
    """

    offset: int
    length: int
    status: int


class NbdClient:
    """A connection to one export.

    Attributes:
        size: Bytes.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._contexts: dict[int, str] = {}
        self._cookie = 0
        self.size = 0

    @classmethod
    async def connect(cls, path: str, export: str, contexts: Sequence[str] = ()) -> "NbdClient":
        """Return a connection to an export.

        Args:
            path: The server's unix socket.
            contexts: What the status of a stretch will be asked for.

        Raises:
            OSError: The server is gone.
            NbdError: Its socket is, or it has no such export or context.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            client = cls(sock)
            await client._loop.sock_connect(sock, path)
            await client._negotiate(export, contexts)
        except FileNotFoundError:
            sock.close()
            raise NbdError("the socket of its NBD server is gone") from None
        except BaseException:
            sock.close()
            raise
        return client

    async def close(self) -> None:
        """Say good-bye and close the connection."""
        try:
            await self._request(_DISCONNECT)
        except OSError:
            pass  # Whoever is gone needs no good-bye.
        finally:
            self._socket.close()

    def drop(self) -> None:
        """Close the connection as it is."""
        self._socket.close()

    async def write(self, offset: int, data: bytes) -> None:
        """Write data, in several requests where it is long."""
        for start in range(0, len(data), REQUEST_BYTES_MAX):
            part = data[start : start + REQUEST_BYTES_MAX]
            await self._command(_WRITE, offset + start, len(part), part)

    async def write_zeroes(self, offset: int, length: int) -> None:
        """Write zeroes, which the server may store as a hole."""
        for start in range(offset, offset + length, STATUS_BYTES_MAX):
            part = min(STATUS_BYTES_MAX, offset + length - start)
            await self._command(_WRITE_ZEROES, start, part)

    async def discard(self, offset: int, length: int) -> None:
        """Give a stretch back (trim)."""
        for start in range(offset, offset + length, STATUS_BYTES_MAX):
            part = min(STATUS_BYTES_MAX, offset + length - start)
            await self._command(_TRIM, start, part)

    async def flush(self) -> None:
        """Have the server store what was written."""
        await self._command(_FLUSH)

    async def read(self, offset: int, length: int) -> bytes | bytearray:
        """Return the data of a stretch."""
        if length <= REQUEST_BYTES_MAX:
            return await self._read(offset, length)
        parts: list[bytearray] = []
        for start in range(offset, offset + length, REQUEST_BYTES_MAX):
            part = min(REQUEST_BYTES_MAX, offset + length - start)
            parts.append(await self._read(start, part))
        return b"".join(parts)

    async def status(self) -> dict[str, list[Extent]]:
        """Return the status of the whole disk, in each context that was asked for."""
        found: dict[str, list[Extent]] = {name: [] for name in self._contexts.values()}
        offset = 0
        while offset < self.size:
            chunks = await self._status_from(offset)
            # Each context covers as much as the server liked; all go on from the shortest.
            end = min(sum(length for length, _ in chunk) for chunk in chunks.values()) + offset
            for name, chunk in chunks.items():
                start = offset
                for length, status in chunk:
                    stop = min(start + length, end, self.size)
                    if stop > start:
                        found[name].append(Extent(start, stop - start, status))
                    start += length
            offset = end
        return found

    # The protocol.

    async def _negotiate(self, export: str, contexts: Sequence[str]) -> None:
        magic, option, _ = struct.unpack(">8s8sH", await self._receive(18))
        if (magic, option) != (_MAGIC, _OPTION_MAGIC):
            raise NbdError("this is no NBD server")
        name = export.encode()
        asked = b"".join(struct.pack(">I", len(c.encode())) + c.encode() for c in contexts)
        head = struct.pack(">I", len(name)) + name
        # All at once: the answers come in this order.
        await self._loop.sock_sendall(
            self._socket,
            struct.pack(">I", 3)
            + _option(_STRUCTURED_REPLY)
            + _option(_SET_META_CONTEXT, head + struct.pack(">I", len(contexts)) + asked)
            + _option(_GO, head + struct.pack(">H", 0)),
        )
        for option in (_STRUCTURED_REPLY, _SET_META_CONTEXT, _GO):
            await self._answers(option)
        missing = set(contexts) - set(self._contexts.values())
        if missing:
            raise NbdError(f"the NBD server does not tell {', '.join(sorted(missing))}")

    async def _answers(self, option: int) -> None:
        """Read the answers to one option, up to the last."""
        while True:
            magic, _, kind, length = struct.unpack(">QIII", await self._receive(20))
            if magic != _OPTION_REPLY_MAGIC:
                raise NbdError("the NBD server's answer makes no sense")
            data = await self._receive(length)
            if kind & _ERROR_BIT:
                raise NbdError(data.decode(errors="replace") or f"NBD option {option} refused")
            if kind == _META_CONTEXT:
                self._contexts[_unpack(">I", data)[0]] = data[4:].decode(errors="replace")
            elif kind == _INFO and _unpack(">H", data)[0] == 0:
                self.size = _unpack(">Q", data, 2)[0]
            elif kind == _ACK:
                return

    async def _request(self, kind: int, offset: int = 0, length: int = 0, data: bytes = b"") -> int:
        self._cookie += 1
        head = struct.pack(">IHHQQI", _REQUEST_MAGIC, 0, kind, self._cookie, offset, length)
        await self._loop.sock_sendall(self._socket, head + data)
        return self._cookie

    async def _command(
        self,
        kind: int,
        offset: int = 0,
        length: int = 0,
        data: bytes = b"",
        into: memoryview | None = None,
    ) -> list[tuple[int, bytes]]:
        """Send a request and return the chunks of its reply: type and content.

        Args:
            into: Where data that is read goes, without being copied on the way.
        """
        cookie = await self._request(kind, offset, length, data)
        chunks: list[tuple[int, bytes]] = []
        while True:
            head = await self._receive(16)
            if head.startswith(_SIMPLE_MAGIC):
                _, error, answered = struct.unpack(">IIQ", head)
                if error:
                    raise NbdError(os.strerror(error))
                return chunks
            if not head.startswith(_STRUCTURED_MAGIC):
                raise NbdError("the NBD server's reply makes no sense")
            _, flags, type_, answered = struct.unpack(">IHHQ", head)
            (size,) = struct.unpack(">I", await self._receive(4))
            if answered != cookie:
                raise NbdError("the NBD server answers a question that was not asked")
            if type_ == _OFFSET_DATA and into is not None:
                (place,) = struct.unpack(">Q", await self._receive(8))
                if size < 8 or not offset <= place <= place + size - 8 <= offset + length:
                    raise NbdError("the NBD server's data is not what was asked for")
                await self._fill(into[place - offset : place - offset + size - 8])
            else:
                chunks.append(_chunk(type_, await self._receive(size)))
            if flags & _DONE:
                return chunks

    async def _read(self, offset: int, length: int) -> bytearray:
        """Read one stretch; holes are left out of the reply, and are zeroes."""
        data = bytearray(length)
        await self._command(_READ, offset, length, into=memoryview(data))
        return data

    async def _status_from(self, offset: int) -> dict[str, list[tuple[int, int]]]:
        length = min(STATUS_BYTES_MAX, self.size - offset)
        chunks: dict[str, list[tuple[int, int]]] = {}
        for kind, body in await self._command(_BLOCK_STATUS, offset, length):
            if kind == _STATUS:
                name = self._contexts.get(_unpack(">I", body)[0], "")
                told = body[4 : len(body) - (len(body) - 4) % 8]
                chunks[name] = [extent for extent in struct.iter_unpack(">II", told) if extent[0]]
        if chunks.keys() != set(self._contexts.values()) or not all(chunks.values()):
            raise NbdError("the NBD server left a question about its blocks unanswered")
        return chunks

    async def _receive(self, length: int) -> bytes:
        if length > REPLY_BYTES_MAX:
            raise NbdError("the NBD server says more than anybody asked for")
        data = bytearray(length)
        await self._fill(memoryview(data))
        return bytes(data)

    async def _fill(self, view: memoryview) -> None:
        while view:
            count = await self._loop.sock_recv_into(self._socket, view)
            if not count:
                raise ConnectionResetError("the NBD connection was closed")
            view = view[count:]


def _chunk(type_: int, body: bytes) -> tuple[int, bytes]:
    """Return a chunk of a reply, unless it is the server's no."""
    if type_ & _CHUNK_ERROR_BIT:
        error, length = _unpack(">IH", body)
        said = body[6 : 6 + length].decode(errors="replace")
        raise NbdError(said or os.strerror(error))
    return type_, body


def _unpack(format: str, data: bytes, offset: int = 0) -> tuple[int, ...]:
    """Return numbers at a place of what a server said.

    Raises:
        NbdError: It ends before.
    """
    if len(data) < offset + struct.calcsize(format):
        raise NbdError("the NBD server's answer is too short")
    return struct.unpack_from(format, data, offset)


def _option(number: int, data: bytes = b"") -> bytes:
    return _OPTION_MAGIC + struct.pack(">II", number, len(data)) + data
