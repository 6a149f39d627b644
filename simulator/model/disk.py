"""Images, and the disk that a chain of them makes."""

from functools import cached_property
from operator import attrgetter

from simulator.model.bitmap import DirtyBitmap, Kept
from simulator.model.clusters import ClusterMap, ClusterSet, map_of, rescale
from simulator.model.series import Series, find, put
from simulator.model.values import replace
from simulator.values import dataclass

CLUSTER_SIZE_DEFAULT = 64 * 1024
KEY_OF = attrgetter("node", "name")

CLUSTER_SIZE_MIN, CLUSTER_SIZE_MAX = 512, 2 * 1024 * 1024
"""Bytes. Source: QEMU docs/interop/qcow2.txt, ``cluster_bits``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalSnapshot:
    """A state kept inside an image. Bitmaps are no part of it.

    Attributes:
        content: What the image held itself.
        length: Number of clusters that it had.
        moment: The disk's moment at which it was made.
        lacks: As in `Image`.
    """

    name: str
    content: ClusterMap
    length: int
    moment: int
    lacks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image file and what it holds itself; what it does not hold falls through to its backing.

    Attributes:
        name: Also the name of its node.
        content: A version for each cluster that is allocated here.
        length: Number of clusters; images of one chain differ where the disk was resized.
        format: ``qcow2`` or ``raw``; only qcow2 can store bitmaps.
        since: The disk's moment at which the guest's writes began to go here.
        snapshots: Internal ones, oldest first.
        lacks: Bytes by which its last cluster is cut short.
        removed: Whether its file is gone; who has it open reads and writes it until it is closed.
        left_open: Whether it is open for writing though it is not the active image: a pull into it
            left it so, or a transaction has not ended yet.
        linked: Whether libvirt's lasting description of the machine tells what it lies on.
    """

    name: str
    content: ClusterMap
    length: int
    format: str = "qcow2"
    since: int = 0
    snapshots: tuple[InternalSnapshot, ...] = ()
    lacks: int = 0
    removed: bool = False
    left_open: bool = False
    linked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Copying:
    """What a commit or a pull writes into an image, kept while it runs: it may be stopped.

    Attributes:
        image: The image that takes the data, as it was before; a base has grown already.
        clusters: All that there is to copy.
        data: What the image holds of it, and the guest has not written since.
        dirty: The bits that recording bitmaps of the image had, each with the bitmap's name.
        done: What is copied of it, where somebody who knows the time says so.
    """

    image: Image
    clusters: ClusterSet
    data: ClusterMap
    dirty: tuple[tuple[str, ClusterSet], ...] = ()
    done: ClusterSet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """An image that a revert or a job took out of the chain, and that a revert may return to.

    Attributes:
        below: The image that its file says it lies on; None for a base.
        bitmaps: Those in its file.
        froze: The moment that it stands for.
    """

    image: Image
    below: str | None
    bitmaps: tuple[DirtyBitmap, ...]
    froze: int


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A virtual disk: its chain of images, base first, and the bitmaps on them.

    Attributes:
        length: Number of clusters that the guest sees, those of the active image; at least 1.
        cluster_size: Bytes; a power of two.
        chain: Images from the base to the active one; empty before the base is created.
        bitmaps: In the order of their creation.
        moment: How often the guest changed the disk so far. Two states with the same moment are
            the same state, so intervals of backups and windows of bitmaps are told in moments.
        aside: Images out of the chain whose files stay, since a snapshot is noted to need them.
        detached: The disk as it was when it left the machine; it has no chain until it is back.
        lacks: Bytes by which the last cluster that the guest sees is cut short.
    """

    name: str
    length: int
    cluster_size: int = CLUSTER_SIZE_DEFAULT
    chain: tuple[Image, ...] = ()
    bitmaps: Series[DirtyBitmap] = ()
    moment: int = 0
    aside: tuple[Aside, ...] = ()
    detached: "Disk | None" = None
    lacks: int = 0

    @property
    def absence(self) -> str:
        """Why there is no chain, as what follows the disk's name in a sentence."""
        return "has no image yet" if self.detached is None else "is detached"

    @property
    def active(self) -> Image:
        """The image that takes the guest's writes."""
        assert self.chain, f"{self.name} has no image yet"
        return self.chain[-1]

    @property
    def size(self) -> int:
        """Bytes."""
        return self.length * self.cluster_size - self.lacks

    def granularity_of(self, node: str) -> int:
        """Return the bytes for one bit of a new bitmap on an image.

        Source: QEMU 7.2: the cluster size within 4 to 64 KiB, and 64 KiB where there are none.
        """
        image = self.image(node)
        raw = image is not None and image.format == "raw"
        return 65536 if raw else min(max(self.cluster_size, 4096), 65536)

    @cached_property
    def guest_view(self) -> ClusterMap:
        """What the guest sees: the chain read from the active image down."""
        return read_chain(self.chain)

    def view_of(self, image: str) -> ClusterMap:
        """Return the chain read from one of its images down."""
        if image == self.chain[-1].name:
            return self.guest_view
        return read_chain(self.chain_to(image))

    def chain_to(self, image: str) -> tuple[Image, ...]:
        """Return the chain up to one of its images."""
        names = [each.name for each in self.chain]
        return self.chain[: names.index(image) + 1]

    def moment_of(self, image: str) -> int:
        """Return the moment that the view of an image stands for: of a lower one, when it froze."""
        names = [each.name for each in self.chain]
        place = names.index(image) + 1
        return self.moment if place == len(names) else self.chain[place].since

    def file_of(self, image: Image) -> Aside:
        """Return one of its images as a file, out of its chain."""
        place = self.chain.index(image)
        below = self.chain[place - 1].name if place else None
        bitmaps, froze = self.bitmaps_on(image.name), self.moment_of(image.name)
        return Aside(image=image, below=below, bitmaps=bitmaps, froze=froze)

    def laid_aside(self, image: str) -> Aside | None:
        """Return an image that lies beside the chain, or None."""
        return next((each for each in self.aside if each.image.name == image), None)

    def image(self, name: str) -> Image | None:
        """Return an image of the chain, or None."""
        for image in self.chain:
            if image.name == name:
                return image
        return None

    def with_image(self, image: Image) -> "Disk":
        """Return the disk with an image in the place of its former state."""
        chain = tuple(image if each.name == image.name else each for each in self.chain)
        return replace(self, chain=chain)

    def length_of(self, node: str) -> int:
        """Return the number of clusters of one image."""
        image = self.image(node)
        assert image is not None, f"{node} is not in this chain"
        return image.length

    def bytes_of(self, node: str) -> int:
        """Return the size of one image, in bytes."""
        image = self.image(node)
        assert image is not None, f"{node} is not in this chain"
        return image.length * self.cluster_size - image.lacks

    def bitmap(self, node: str, name: str) -> DirtyBitmap | None:
        """Return a bitmap, known by its node and name, or None."""
        if not isinstance(self.bitmaps, tuple):
            return find(self.bitmaps, KEY_OF, (node, name))
        for bitmap in self.bitmaps:
            if bitmap.name == name and bitmap.node == node:
                return bitmap
        return None

    def bitmaps_on(self, node: str) -> tuple[DirtyBitmap, ...]:
        """Return the bitmaps of one image."""
        return tuple(b for b in self.bitmaps if b.node == node)

    def next_batch(self, node: str) -> int:
        """Return the batch of the bitmaps that are written to an image's file next."""
        return 1 + max((b.batch for b in self.bitmaps_on(node)), default=0)

    def directory(self, node: str) -> tuple[DirtyBitmap, ...]:
        """Return the bitmaps of one image as its file lists them.

        New ones come last, and of those the newest comes first. Source: QEMU 7.2, seen in which of
        several inconsistent bitmaps a resize is refused for.
        """
        newest_first = reversed(self.bitmaps_on(node))
        return tuple(sorted(newest_first, key=lambda bitmap: bitmap.batch))

    def nodes_with(self, name: str) -> tuple[str, ...]:
        """Return the images that hold a bitmap of this name, base first."""
        return tuple(i.name for i in self.chain if self.bitmap(i.name, name) is not None)

    def opened(self, node: str, *, left_open: bool) -> "Disk":
        """Return the disk with an image that is open for writing, or not any more."""
        image = self.image(node)
        if image is None or image.left_open is left_open:
            return self
        return self.with_image(replace(image, left_open=left_open))

    def read_only(self, bitmap: DirtyBitmap) -> bool:
        """Whether a bitmap was stored in an image that is read-only, so that it cannot change."""
        stored = bitmap.kept is Kept.STORED and not bitmap.unlocked
        return stored and bitmap.node != self.active.name

    def clusters_of(self, bitmap: DirtyBitmap) -> ClusterSet:
        """Return the clusters of this disk that a bitmap's bits touch."""
        return bitmap.clusters(self.cluster_size, self.length_of(bitmap.node))

    def granules_of(self, granularity: int, clusters: ClusterSet, length: int) -> ClusterSet:
        """Return the granules of a bitmap that clusters of this disk touch.

        Args:
            granularity: Bytes for one bit.
            length: Number of bits of the bitmap.
        """
        if granularity == self.cluster_size:
            return clusters
        if granularity > self.cluster_size:
            return rescale(clusters, 1, granularity // self.cluster_size, length)
        return rescale(clusters, self.cluster_size // granularity, 1, length)

    def with_bitmap(self, bitmap: DirtyBitmap) -> "Disk":
        """Return the disk with a bitmap added, or put in the place of its namesake."""
        return replace(self, bitmaps=put(self.bitmaps, KEY_OF, bitmap))


def read_chain(chain: tuple[Image, ...]) -> ClusterMap:
    """Return what a reader of the newest image sees: each cluster from the newest that holds it.

    S1: |AAAA----| <- S2: |---BBB--|   reads   |AAABBB--|

    What lies below a shorter image is not seen beyond its end, whatever grew above it since.
    """
    view, reach = map_of(chain[-1].length if chain else 0), 0
    for image in chain:
        if image.length < reach:
            view = view.below(image.length)
        reach = image.length
        view = view.overlay(image.content)
    return view
