"""Reads and writes structs of Thrift's compact protocol, in which Parquet keeps its footer.

The protocol names a field by its number and its type, so a struct can be read, changed in one field and written again
without knowledge of the other fields: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

import struct
from typing import Any

from chargeback.domain.errors import InconsistentFile

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12
_INTEGERS = (_I16, _I32, _I64)
_LONG_LIST = 15

Struct = dict[int, tuple[int, Any]]
"""Number of a field → its type and value; a list is the type of its elements with the elements."""


def read_struct(content: bytes, *, encoded: int = 0) -> Struct:
    """The struct at the beginning of these bytes; the elements of its list with the number `encoded` stay bytes.

    Raises `InconsistentFile` where there is none.
    """
    try:
        return _Reader(content).struct(encoded)
    except (IndexError, struct.error) as error:
        raise InconsistentFile("a Parquet footer ends too early") from error


def write_struct(value: Struct) -> bytes:
    """The bytes of a struct; a struct within it may be bytes already."""
    out = bytearray()
    _write_struct(out, value)
    return bytes(out)


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def struct(self, encoded: int = 0) -> Struct:
        fields: Struct = {}
        number = 0
        while header := self._byte():
            kind, delta = header & 15, header >> 4
            number = number + delta if delta else self._integer()
            if number == encoded and kind == _LIST:
                fields[number] = kind, self._encoded()
            else:
                fields[number] = kind, kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind)
        return fields

    def _encoded(self) -> tuple[int, list[bytes]]:
        element, size = self._list_header()
        found = []
        for _ in range(size):
            begins = self._at
            self._value(element)
            found.append(self._content[begins : self._at])
        return element, found

    def _value(self, kind: int) -> Any:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._take(self._varint())
        if kind == _STRUCT:
            return self.struct()
        if kind in (_LIST, _SET):
            element, size = self._list_header()
            return element, [self._value(element) for _ in range(size)]
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind == _DOUBLE:
            return self._take(8)
        raise InconsistentFile(f"a Parquet footer has a field of the unknown type {kind}")

    def _list_header(self) -> tuple[int, int]:
        header = self._byte()
        size, element = header >> 4, header & 15
        return element, self._varint() if size == _LONG_LIST else size

    def _byte(self) -> int:
        self._at += 1
        return self._content[self._at - 1]

    def _take(self, length: int) -> bytes:
        if self._at + length > len(self._content):
            raise IndexError
        self._at += length
        return self._content[self._at - length : self._at]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def _write_struct(out: bytearray, value: Struct) -> None:
    last = 0
    for number, (kind, content) in sorted(value.items()):
        header = (_TRUE if content else _FALSE) if kind in (_TRUE, _FALSE) else kind
        if 0 < number - last < _LONG_LIST + 1:
            out.append((number - last) << 4 | header)
        else:
            out.append(header)
            _write_integer(out, number)
        last = number
        if kind not in (_TRUE, _FALSE):
            _write_value(out, kind, content)
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Any) -> None:
    if kind in _INTEGERS:
        _write_integer(out, value)
    elif kind == _BINARY:
        _write_varint(out, len(value))
        out += value
    elif kind == _STRUCT and isinstance(value, bytes):
        out += value
    elif kind == _STRUCT:
        _write_struct(out, value)
    elif kind in (_LIST, _SET):
        element, items = value
        if len(items) < _LONG_LIST:
            out.append(len(items) << 4 | element)
        else:
            out.append(_LONG_LIST << 4 | element)
            _write_varint(out, len(items))
        for item in items:
            _write_value(out, element, item)
    elif kind == _DOUBLE:
        out += value
    else:
        out.append(value)


def _write_varint(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _write_integer(out: bytearray, value: int) -> None:
    _write_varint(out, value << 1 if value >= 0 else (-value << 1) - 1)
