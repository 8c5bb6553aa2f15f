"""The PTX of every model computes what the CPU does, bit for bit, where an interpreter stands in for the GPU.

Subnormal doubles are the exception: a GPU computes with them, XLA's threads on the CPU take them for 0.
"""

from itertools import product

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels._receptors import DYNAMICS, OUTPUTS

from tests.helpers import call_frame, ptx_machine
from tests.helpers.program_calls import calls_of, operands_of, population, varied
from tests.models.test_neurons import ALL_NEURONS

DTYPES = {"f32": np.float32, "f64": np.float64}
KINDS = {"shared": ("scalar",), "own": ("neuron", "scalar", "full", "row")}
KINDS_OF_SURROGATE = [getattr(sl.surrogate, name) for name in dir(sl.surrogate) if name[0].isupper()]
SURROGATES = [kind for kind in KINDS_OF_SURROGATE if kind is not sl.surrogate.Surrogate]


@pytest.fixture(autouse=True)
def _native(native):
    return native


def on_cpu(call):
    """The results of the handler of the CPU."""
    operands = {str(k): x for k, x in enumerate(call.operands)}
    replaced = {k: call.program.operands.index(operand) for k, operand in call.aliases.items()}
    in_place = {k: at for k, at in replaced.items() if call.operands[at].shape == call.results[k].shape}
    results = [str(in_place[k]) if k in in_place else np.zeros(x.shape, x.dtype) for k, x in enumerate(call.results)]
    with ptx_machine.flushing():
        return call_frame.run(
            call_frame.handler("program"), operands, results, {"program": call.hash}, call_frame.Host()
        )


def assert_same(call, shape, native, grid=(3, 2)):
    text = native.program_ptx(call.hash, *ptx_machine.letters(call, shape))
    for k, (ours, wanted) in enumerate(zip(ptx_machine.run(text, call, shape, grid), on_cpu(call), strict=True)):
        # NaN has one meaning, whatever its bits are
        bits = f"u{ours.dtype.itemsize}"
        same = (ours.view(bits) == wanted.view(bits)) | np.isnan(ours) & np.isnan(wanted)
        assert same.all(), (k, ours[~same][:3], wanted[~same][:3])


def check(model, given, shape, kinds, dtype, native):
    """All modes of a model on operands of a shape."""
    config, operands = operands_of(model, given)
    args = varied(config, operands, shape, DTYPES[dtype], kinds)
    for call in vars(calls_of(config, args)).values():
        assert_same(call, shape, native)


@pytest.fixture(params=DTYPES)
def dtype(request):
    sl.environ.set(precision=32 if request.param == "f32" else 64, dt=0.1 * u.ms)
    return request.param


@pytest.mark.parametrize("cls", ALL_NEURONS, ids=lambda cls: cls.__name__)
def test_every_model(cls, dtype, native):
    shape, kinds = ((3, 129), "own") if dtype == "f32" else ((257,), "shared")
    check(*population(cls, shape[-1]), shape, KINDS[kinds], dtype, native)


@pytest.mark.parametrize("shape", [(1,), (31,), (33,), (1024,), (10_007,), (3, 257), (1, 5), (5, 1)], ids=str)
@pytest.mark.parametrize("kinds", KINDS)
def test_every_size(shape, kinds, dtype, native):
    check(*population(sl.LIFRef, shape[-1]), shape, KINDS[kinds], dtype, native)


@pytest.mark.parametrize("kind", SURROGATES, ids=lambda kind: kind.__name__)
def test_every_surrogate(kind, dtype, native):
    check(*population(sl.LIF, 300, spk_fun=kind()), (300,), KINDS["shared"], dtype, native)


@pytest.mark.parametrize("kind", ["STP", "STD"])
def test_short_term_plasticity(kind, dtype, native):
    synapse = sl.nn.init_all_states(getattr(sl, kind)(65))
    check(synapse, np.ones(65), (65,), KINDS["shared"], dtype, native)


@pytest.mark.parametrize(("dynamics", "output"), list(product(DYNAMICS, OUTPUTS)))
def test_every_receptor(dynamics, output, dtype, native, pass_tools):
    config = pass_tools.make_pass(True, False, False, [sl.kernels.ReceptorKind(dynamics, output)])
    args = [np.asarray(x) for x in pass_tools.Operands(config, (65,), "scalar", DTYPES[dtype]).draw()]
    for call in vars(calls_of(config, args)).values():
        assert_same(call, (65,), native)


@pytest.mark.parametrize("grid", [(1, 1), (2, 1), (7, 3), (100, 1)])
def test_the_grid_changes_nothing(grid, dtype, native):
    model, given = population(sl.LIF, 3000)
    config, operands = operands_of(model, given)
    for kinds in KINDS.values():
        args = varied(config, operands, (2, 3000), DTYPES[dtype], kinds)
        for call in vars(calls_of(config, args)).values():
            assert_same(call, (2, 3000), native, grid)


# --- what the interpreter refuses -------------------------------------------------------------------------------------

HEAD = ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(\n.param .u64 n\n)\n.maxntid 128, 1, 1\n{\n"
REGISTERS = ".reg .b32 %a, %b;\n.reg .b64 %c;\n.reg .pred %p;\n.shared .align 8 .b8 tile[8];\n"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("add.f32 %a, %a, %b;", "line 13 .* 'add.f32' is not known"),
        ("add.rn.ftz.f32 %a, %a;", "2 operands"),
        ("add.rn.ftz.f32 %a, %a, %c;", "'%c' has another type"),
        ("add.rn.ftz.f32 %a, %a, 0d3FF0000000000000;", "another width"),
        ("add.rn.ftz.f32 %a, %a, 1.5;", "'1.5' is no number"),
        ("mov.b32 %a, %p;", "'%p' has another type"),
        ("mov.u32 %tid.x, %a;", "%tid.x cannot be written"),
        ("mov.u32 %a, %laneid;", "'%laneid' is not declared"),
        ("bra nowhere;", "no label 'nowhere'"),
        ("mov.u32 %a, 1", "expected ';'"),
        (".reg .b32 %a;", "'%a' is declared twice"),
    ],
)
def test_what_is_not_ptx_is_refused_by_its_line(line, why):
    with pytest.raises(ptx_machine.Refused, match=why):
        ptx_machine.Text(HEAD + REGISTERS + line + "\nret;\n}\n")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["mov.u32 %a, %tid.x;", "setp.ge.u32 %p, %a, 5;", "@%p bra over;", "bar.sync 0;", "over:"], "not all threads"),
        (["mov.u64 %c, tile;", "st.shared.f32 [%c+8], %a;"], "beyond the shared memory"),
        (["mov.u64 %c, 4098;", "ld.global.f32 %a, [%c];"], "not aligned"),
        (["mov.u64 %c, 0;", "ld.global.f32 %a, [%c];"], "null address"),
    ],
)
def test_what_a_gpu_would_not_survive_is_an_error(lines, why):
    text = ptx_machine.Text(HEAD + REGISTERS + "\n".join(lines) + "\nret;\n}\n")
    with pytest.raises(ptx_machine.Refused, match=why):
        text.launch("k", (1, 1), [0])


def test_a_launch_has_the_parameters_and_threads_of_its_kernel():
    text = ptx_machine.Text(HEAD + REGISTERS + "ret;\n}\n")
    for params, threads, why in (([], 1, "0 bytes of parameters, expected 8"), ([0], 129, "more threads")):
        with pytest.raises(ptx_machine.Refused, match=why):
            text.launch("k", (1, 1), params, threads)
