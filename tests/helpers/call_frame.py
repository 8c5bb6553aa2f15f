"""Calls of native handlers without JAX: frames as XLA builds them, on memory of the host or of the emulated GPU.

`SPIKELOOP_LIBCUDA` names the emulated driver (csrc/cuda/emu), which `make test-cuda` builds.
"""

import ctypes
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path

import numpy as np

STREAM = 0x100  # of the emulated driver's first context
DTYPES = {"bool": 1, "int32": 4, "int64": 5, "uint8": 6, "uint16": 7, "uint32": 8, "float32": 11, "float64": 12}
EXECUTE, ARRAY, SCALAR, METADATA = 3, 1, 3, 1  # stage of a call, kinds of attributes, kind of an extension

_Pointer, _Size, _Int, _Long = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int64


def _struct(name, **fields):
    return type(name, (ctypes.Structure,), {"_fields_": [*fields.items()]})


def _base(name, **fields):
    return _struct(name, struct_size=_Size, extension=_Pointer, **fields)


_Version = _base("Version", major=_Int, minor=_Int)
_Metadata = _struct("Metadata", struct_size=_Size, version=_Version, traits=ctypes.c_uint32, state=_Long)
_Extension = _struct("Extension", struct_size=_Size, kind=_Int, next=_Pointer, metadata=_Pointer)
_Buffer = _base("Buffer", dtype=_Int, data=_Pointer, rank=_Long, dims=ctypes.POINTER(_Long))
_Operands = _base("Operands", size=_Long, types=_Pointer, buffers=_Pointer)
_Attrs = _base("Attrs", size=_Long, types=_Pointer, names=_Pointer, values=_Pointer)
_Span, _Scalar = _struct("Span", text=ctypes.c_char_p, size=_Size), _struct("Scalar", dtype=_Int, value=_Pointer)
_Array = _struct("Array", dtype=_Int, size=_Size, data=_Pointer)
_Frame = _base(
    "Frame", api=_Pointer, ctx=_Pointer, stage=_Int, args=_Operands, rets=_Operands, attrs=_Attrs, future=_Pointer
)
_ErrorArgs = _base("ErrorArgs", message=ctypes.c_char_p, code=_Int)
_StreamArgs = _base("StreamArgs", ctx=_Pointer, stream=_Pointer)
_CreateError, _GetStream = (ctypes.CFUNCTYPE(_Pointer, ctypes.POINTER(x)) for x in (_ErrorArgs, _StreamArgs))
_Api = _base(
    "Api", version=_Version, internal=_Pointer, create=_CreateError, message=_Pointer, destroy=_Pointer,
    register=_Pointer, stream=_GetStream, rest=_Pointer * 12,
)  # fmt: skip


class HandlerError(Exception):
    """What a handler refused."""


@cache
def native():
    """The extension module, without the package around it, which would import JAX."""
    if "spikeloop._native" in sys.modules:
        return sys.modules["spikeloop._native"]
    (folder,) = importlib.util.find_spec("spikeloop").submodule_search_locations
    spec = importlib.util.spec_from_file_location("spikeloop._native", next(Path(folder).glob("_native*.so")))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def driver():
    """The emulated driver."""
    library = ctypes.CDLL(os.environ["SPIKELOOP_LIBCUDA"])
    library.fake_journal.restype = ctypes.c_char_p
    library.fake_allocate.restype, library.fake_allocate.argtypes = _Pointer, [_Size]
    library.fake_write.argtypes = library.fake_read.argtypes = [_Pointer, _Pointer, _Size]
    library.fake_seed.argtypes = [ctypes.c_uint64]
    library.fake_capture.argtypes = [ctypes.c_bool]
    return library


def handler(name, cuda=False):
    """The address of the handler of a target."""
    capsule = native().registrations(cuda=cuda)[f"spikeloop.cuda.{name}" if cuda else f"spikeloop.{name}"]
    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = _Pointer, [ctypes.py_object, ctypes.c_char_p]
    return address(capsule, b"xla._CUSTOM_CALL_TARGET")


class Host:
    """Memory that a handler on the CPU works in."""

    def __init__(self):
        self.arrays = {}

    def put(self, array):
        """The address of a copy, aligned as XLA's buffers."""
        memory = np.empty(array.nbytes + 64, np.uint8)
        start = -memory.ctypes.data % 64
        memory[start : start + array.nbytes] = np.ascontiguousarray(array).view(np.uint8).ravel()
        address = memory.ctypes.data + start
        self.arrays[address] = memory
        return address

    def get(self, address, like):
        """The array there."""
        out = np.empty_like(like)
        ctypes.memmove(out.ctypes.data, address, out.nbytes)
        return out


class Gpu:
    """Memory of the emulated GPU, which the host cannot read."""

    def put(self, array):
        """The address of a copy."""
        address, array = driver().fake_allocate(array.nbytes), np.ascontiguousarray(array)
        driver().fake_write(address, array.ctypes.data, array.nbytes)
        return address

    def get(self, address, like):
        """The array there."""
        out = np.empty_like(like)
        driver().fake_read(out.ctypes.data, address, out.nbytes)
        return out


def run(address, operands, results, attributes, memory, stream=STREAM):
    """The results of a handler. Of `results`, a name says which operand is updated, an array the shape and type."""
    keep, errors = [], []
    operands = {name: np.array(x, ndmin=0, copy=True) for name, x in operands.items()}
    places = {name: memory.put(x) for name, x in operands.items()}
    garbage = lambda x: np.full(x.nbytes, 0xAA, np.uint8).view(x.dtype).reshape(x.shape)  # noqa: E731
    outs = [(operands[x], places[x]) if isinstance(x, str) else (x, memory.put(garbage(x))) for x in results]
    api = _api(errors, stream)
    frame = _Frame(
        ctypes.sizeof(_Frame), None, ctypes.addressof(api), None, EXECUTE,
        _operands([(x, places[name]) for name, x in operands.items()], keep), _operands(outs, keep),
        _attributes(attributes, keep), None,
    )  # fmt: skip
    if ctypes.CFUNCTYPE(_Pointer, _Pointer)(address)(ctypes.addressof(frame)):
        raise HandlerError(errors.pop())
    return [memory.get(place, x) for x, place in outs]


def traits(address):
    """The traits that a handler tells XLA."""
    metadata = _Metadata(struct_size=ctypes.sizeof(_Metadata))
    extension = _Extension(ctypes.sizeof(_Extension), METADATA, None, ctypes.addressof(metadata))
    frame = _Frame(struct_size=ctypes.sizeof(_Frame), extension=ctypes.addressof(extension))
    ctypes.CFUNCTYPE(_Pointer, _Pointer)(address)(ctypes.addressof(frame))
    return metadata.traits


def _api(errors, stream):
    @_CreateError
    def create(args):
        errors.append(args[0].message.decode())
        return 1

    @_GetStream
    def get_stream(args):
        args[0].stream = stream
        return None

    version = _Version(ctypes.sizeof(_Version), None, 0, 3)
    return _Api(ctypes.sizeof(_Api), None, version, None, create, None, None, None, get_stream)


def _operands(arrays, keep):
    dims = [(_Long * max(x.ndim, 1))(*x.shape) for x, _ in arrays]
    buffers = [
        _Buffer(ctypes.sizeof(_Buffer), None, DTYPES[x.dtype.name], place, x.ndim, each)
        for (x, place), each in zip(arrays, dims, strict=True)
    ]
    types, pointers = (_Int * len(buffers))(*[1] * len(buffers)), _pointers(buffers)
    keep += [dims, buffers, types, pointers]
    return _Operands(ctypes.sizeof(_Operands), None, len(buffers), ctypes.addressof(types), ctypes.addressof(pointers))


def _attributes(attributes, keep):
    names, kinds, values = [], [], []
    for name, value in sorted(attributes.items()):
        names.append(_Span(name.encode(), len(name)))
        if isinstance(value, bool | int):
            held = ctypes.c_bool(value) if isinstance(value, bool) else _Long(value)
            values.append(_Scalar(DTYPES["bool" if isinstance(value, bool) else "int64"], ctypes.addressof(held)))
            kinds.append(SCALAR)
        else:
            held = (ctypes.c_int32 * len(value))(*value)
            values.append(_Array(DTYPES["int32"], len(value), ctypes.addressof(held)))
            kinds.append(ARRAY)
        keep.append(held)
    tables = (_Int * len(kinds))(*kinds), _pointers(names), _pointers(values)
    keep += [names, values, tables]
    return _Attrs(ctypes.sizeof(_Attrs), None, len(names), *map(ctypes.addressof, tables))


def _pointers(structs):
    return (_Pointer * len(structs))(*map(ctypes.addressof, structs))


def on_gpu(name, operands, results, attributes, scratch=()):
    """The results of a target on the emulated GPU, whose calls have scratch memory after the results."""
    try:
        return run(handler(name, cuda=True), operands, [*results, *scratch], attributes, Gpu())[: len(results)]
    finally:
        driver().fake_free_all()


def assert_same(name, operands, results, attributes, scratch=()):
    """CPU and emulated GPU agree to the bit; returns their results."""
    on_cpu = run(handler(name), operands, results, attributes, Host())
    found = on_gpu(name, operands, results, attributes, scratch)
    for k, (a, b) in enumerate(zip(on_cpu, found, strict=True)):
        np.testing.assert_array_equal(a.view(np.uint8), b.view(np.uint8), err_msg=f"{name}: result {k}")
    return on_cpu
