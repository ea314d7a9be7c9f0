"""Makes one Parquet file of the row groups of several, or several of the row groups of one, without reading a row.

A row group's bytes do not depend on where they lie; only the footer says that. So a file of any length can be written
and read a few megabytes at a time: https://parquet.apache.org/docs/file-format/.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO

from chargeback.domain.errors import InconsistentFile
from chargeback.services.parquet.compact_structs import Struct, read_struct, write_struct

MAGIC = b"PAR1"
TAIL_BYTES = 8
"""The end of a file: the length of its footer, and `MAGIC`."""

_SCHEMA, _ROWS, _GROUPS = 2, 3, 4
_OFFSETS_OF_CHUNK, _META = (2, 4, 6), 3
_OFFSETS_OF_META = (9, 10, 11, 14)
_INDEXES_OF_CHUNK, _FILTERS_OF_META = (4, 5, 6, 7), (14, 15)
_PATH, _COMPRESSED, _FIRST_PAGES, _STATISTICS = 3, 7, (9, 11), 12
_GREATEST, _LEAST = 5, 6
_COLUMNS, _GROUP_ROWS, _GROUP_OFFSET, _ORDINAL = 1, 3, 5, 7
_PIECE_BYTES = 1024 * 1024
_STRUCTS = 12


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Where a row group lies in its file: from byte `first` until before `end`.

    Attributes:
        least: column → no value of it is less, as stored; a column without known bounds is absent.
        greatest: column → no value of it is greater.
    """

    rows: int
    first: int
    end: int
    least: Mapping[str, bytes]
    greatest: Mapping[str, bytes]
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file has: its schema and its row groups, in order."""

    struct: Struct
    groups: Sequence[RowGroup]


def footer_length(tail: bytes) -> int:
    """The length of a footer, from the last `TAIL_BYTES` of its file. Raises `InconsistentFile` for any other file."""
    if len(tail) != TAIL_BYTES or tail[4:] != MAGIC:
        raise InconsistentFile("a Parquet file does not end like one")
    return int.from_bytes(tail[:4], "little")


def read_footer(content: bytes) -> Footer:
    """The footer in these bytes."""
    footer = read_struct(content, encoded=_GROUPS)
    _, (_, groups) = footer[_GROUPS]
    return Footer(footer, [_group(group) for group in groups])


def rows_in(file: Path) -> int:
    """How many rows a local file has."""
    with file.open("rb") as source:
        footer, _ = _read_from(source)
    return sum(group.rows for group in footer.groups)


def file_of(footer: Footer, groups: Sequence[RowGroup], contents: Iterable[bytes]) -> Iterator[bytes]:
    """A file with some row groups of another one, from the bytes of each."""
    joined = JoinedFile()
    yield MAGIC
    for group, content in zip(groups, contents, strict=True):
        alone = replace(group, encoded=write_struct(_without_filters(read_struct(group.encoded))))
        joined.add(Footer(footer.struct, [alone]), start=group.first, length=len(content))
        yield content
    yield joined.end()


class JoinedFile:
    """A file that is made of others with the same schema: their bytes one after the other, and a footer for all."""

    def __init__(self) -> None:
        self._length = len(MAGIC)
        self._first: Struct | None = None
        self._groups: list[bytes] = []
        self._rows = 0

    def append(self, file: Path) -> Iterator[bytes]:
        """The bytes that a local file adds, without its footer; the first file also brings the schema."""
        with file.open("rb") as source:
            footer, end = _read_from(source)
            if self._first is None:
                yield MAGIC
            left = end - len(MAGIC)
            self.add(footer, start=len(MAGIC), length=left)
            source.seek(len(MAGIC))
            while left:
                piece = source.read(min(left, _PIECE_BYTES))
                left -= len(piece)
                yield piece

    def add(self, footer: Footer, *, start: int, length: int) -> None:
        """Say that the next `length` bytes are those that begin at `start` in a file with this footer."""
        if self._first is None:
            self._first = footer.struct
        if footer.struct[_SCHEMA] != self._first[_SCHEMA]:
            raise InconsistentFile("Parquet files with different columns cannot be one file")
        for group in footer.groups:
            moved = _moved(read_struct(group.encoded), self._length - start)
            moved.pop(_ORDINAL, None)
            self._groups.append(write_struct(moved))
            self._rows += group.rows
        self._length += length

    def end(self) -> bytes:
        """The footer and the tail; at least one file must have been added."""
        assert self._first is not None
        kind, _ = self._first[_GROUPS]
        rows, _ = self._first[_ROWS]
        footer = write_struct(self._first | {_ROWS: (rows, self._rows), _GROUPS: (kind, (_STRUCTS, self._groups))})
        return footer + len(footer).to_bytes(4, "little") + MAGIC


def _group(encoded: bytes) -> RowGroup:
    group = read_struct(encoded)
    least: dict[str, bytes] = {}
    greatest: dict[str, bytes] = {}
    first, end = 1 << 62, 0
    for chunk in group[_COLUMNS][1][1]:
        meta = chunk[_META][1]
        begins = min(meta[number][1] for number in _FIRST_PAGES if number in meta)
        first, end = min(first, begins), max(end, begins + meta[_COMPRESSED][1])
        name = b".".join(meta[_PATH][1][1]).decode()
        statistics = meta[_STATISTICS][1] if _STATISTICS in meta else {}
        if _LEAST in statistics and _GREATEST in statistics:
            least[name], greatest[name] = statistics[_LEAST][1], statistics[_GREATEST][1]
    return RowGroup(group[_GROUP_ROWS][1], first, end, least, greatest, encoded)


def _read_from(source: BinaryIO) -> tuple[Footer, int]:
    """The footer of an open file, and where it begins."""
    size = source.seek(0, SEEK_END)
    source.seek(max(size - TAIL_BYTES, 0))
    length = footer_length(source.read())
    begins = source.seek(size - TAIL_BYTES - length)
    return read_footer(source.read(length)), begins


def _without_filters(group: Struct) -> Struct:
    """The same without indexes and Bloom filters, which lie elsewhere in the file."""
    kind, (element, chunks) = group[_COLUMNS]
    return group | {_COLUMNS: (kind, (element, [_chunk_without_filters(chunk) for chunk in chunks]))}


def _chunk_without_filters(chunk: Struct) -> Struct:
    kind, meta = chunk[_META]
    kept = {number: value for number, value in chunk.items() if number not in _INDEXES_OF_CHUNK}
    return kept | {_META: (kind, {number: value for number, value in meta.items() if number not in _FILTERS_OF_META})}


def _moved(group: Struct, by: int) -> Struct:
    kind, (element, chunks) = group[_COLUMNS]
    moved = _shifted(group, (_GROUP_OFFSET,), by)
    moved[_COLUMNS] = kind, (element, [_moved_chunk(chunk, by) for chunk in chunks])
    return moved


def _moved_chunk(chunk: Struct, by: int) -> Struct:
    moved = _shifted(chunk, _OFFSETS_OF_CHUNK, by)
    kind, meta = chunk[_META]
    moved[_META] = kind, _shifted(meta, _OFFSETS_OF_META, by)
    return moved


def _shifted(struct: Struct, offsets: Sequence[int], by: int) -> Struct:
    """A copy whose offsets are moved; 0 stands for none."""
    moved: dict[int, tuple[int, Any]] = dict(struct)
    for number in offsets:
        if number in moved and moved[number][1]:
            kind, offset = moved[number]
            moved[number] = kind, offset + by
    return moved
