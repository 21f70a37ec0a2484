"""The pickle opcodes by name, and which of them are for one plain value of fixed length."""

from __future__ import annotations

MARK, STOP, POP, POP_MARK, DUP = 0x28, 0x2E, 0x30, 0x31, 0x32
FLOAT, INT, BININT, BININT1, LONG, BININT2, NONE = 0x46, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E
PERSID, BINPERSID, REDUCE, STRING, BINSTRING, SHORT_BINSTRING = 0x50, 0x51, 0x52, 0x53, 0x54, 0x55
UNICODE, BINUNICODE, APPEND, BUILD, GLOBAL, DICT, APPENDS = 0x56, 0x58, 0x61, 0x62, 0x63, 0x64, 0x65
GET, BINGET, INST, LONG_BINGET, LIST, EMPTY_LIST, OBJ = 0x67, 0x68, 0x69, 0x6A, 0x6C, 0x5D, 0x6F
PUT, BINPUT, LONG_BINPUT, SETITEM, TUPLE, EMPTY_TUPLE = 0x70, 0x71, 0x72, 0x73, 0x74, 0x29
SETITEMS, BINFLOAT, EMPTY_DICT = 0x75, 0x47, 0x7D
PROTO, NEWOBJ, EXT1, EXT2, EXT4 = 0x80, 0x81, 0x82, 0x83, 0x84
TUPLE1, TUPLE2, TUPLE3, NEWTRUE, NEWFALSE, LONG1, LONG4 = 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B
BINBYTES, SHORT_BINBYTES = 0x42, 0x43
SHORT_BINUNICODE, BINUNICODE8, BINBYTES8 = 0x8C, 0x8D, 0x8E
EMPTY_SET, ADDITEMS, FROZENSET, NEWOBJ_EX, STACK_GLOBAL, MEMOIZE, FRAME = 0x8F, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95
BYTEARRAY8, NEXT_BUFFER, READONLY_BUFFER = 0x96, 0x97, 0x98

#: Total length (opcode and argument) of the opcodes that are one plain value of fixed length; 0 for others.
FIXED = bytearray(256)
FIXED[NONE] = FIXED[NEWTRUE] = FIXED[NEWFALSE] = 1
FIXED[BININT1], FIXED[BININT2], FIXED[BININT], FIXED[BINFLOAT] = 2, 3, 5, 9

#: Bytes of the length field that follows the opcode, for counted payloads.
COUNTED = {
    SHORT_BINUNICODE: 1,
    BINUNICODE: 4,
    BINUNICODE8: 8,
    SHORT_BINBYTES: 1,
    BINBYTES: 4,
    BINBYTES8: 8,
    BYTEARRAY8: 8,
    SHORT_BINSTRING: 1,
    BINSTRING: 4,
    LONG1: 1,
    LONG4: 4,
}
#: Payloads that are UTF-8 text.
TEXT = frozenset({SHORT_BINUNICODE, BINUNICODE, BINUNICODE8})
#: Values written as a line of text, protocol 0.
LINES = frozenset({INT, LONG, FLOAT, STRING, UNICODE})
#: What no table needs and only hides what a file does; each with the word a person would look up.
FORBIDDEN = {
    PERSID: "PERSID",
    BINPERSID: "BINPERSID",
    INST: "INST",
    OBJ: "OBJ",
    EXT1: "EXT1",
    EXT2: "EXT2",
    EXT4: "EXT4",
    NEXT_BUFFER: "NEXT_BUFFER",
    READONLY_BUFFER: "READONLY_BUFFER",
    DUP: "DUP",
    POP: "POP",
    POP_MARK: "POP_MARK",
}
