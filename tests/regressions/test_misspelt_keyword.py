"""A misspelt keyword names the class, its keywords and the nearest one."""

import inspect

import brainunit as u
import pytest
import spikeloop as sl

PACKAGES = (sl, sl.nn, sl.connect, sl.inputs, sl.record, sl.surrogate, sl.init, sl.networks, sl.plasticity)
BASES = sl.nn.Module, sl.connect.Rule, sl.connect.Profile, sl.surrogate.Surrogate, sl.init.Initializer
CLASSES = sorted(
    {
        found
        for package in PACKAGES
        for found in vars(package).values()
        if inspect.isclass(found)
        and issubclass(found, BASES)
        and found not in BASES[3:]
        and not getattr(found, "takes_every_keyword", False)
    },
    key=lambda cls: (cls.__module__, cls.__name__),
)


@pytest.mark.parametrize("cls", CLASSES, ids=[cls.__name__ for cls in CLASSES])
def test_every_public_constructor_names_its_keywords(cls):
    with pytest.raises(TypeError, match=rf"^{cls.__name__} takes no keyword 'misspelt'.*Its keywords are "):
        cls(misspelt=1)
    names = [p.name for p in inspect.signature(cls).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert names[:1] != ["args"], "a signature shows the arguments"
    if names and len(names[-1]) > 3:
        with pytest.raises(TypeError, match=f"did you mean '{names[-1]}'"):
            cls(**{names[-1][:-1]: 1})


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: sl.LIF(3, taw=5 * u.ms), "LIF takes no keyword 'taw'; did you mean 'tau'"),
        (lambda: sl.connect.FixedProb(0.1, 1.0, dely=1), "FixedProb takes no keyword 'dely'; did you mean 'delay'"),
        (lambda: sl.Expon.desc(taus=5 * u.ms), "Expon takes no keyword 'taus'; did you mean 'tau'"),
        (lambda: sl.LIF(), "LIF: missing a required argument: 'in_size'"),
        (lambda: sl.nn.Linear(2), "required positional argument: 'out_size'"),
    ],
)
def test_messages(make, expected):
    with pytest.raises(TypeError, match=expected):
        make()


def test_a_class_of_ones_own_names_what_it_hands_on():
    class Net(sl.LIF):
        def __init__(self, size, scale=1.0, **others):
            super().__init__(size, **others)
            self.scale = scale

    assert Net(3, scale=2.0, tau=3.0 * u.ms).tau == 3.0 * u.ms
    with pytest.raises(TypeError, match=r"Net takes no keyword 'scal'; did you mean 'scale'.* are size, scale, .*tau"):
        Net(3, scal=2.0)


def test_an_error_of_the_constructor_itself_passes_unchanged():
    class Broken(sl.nn.Module):
        def __init__(self, size=1):
            super().__init__()
            len(size)

    with pytest.raises(TypeError, match="has no len"):
        Broken(size=3)


@pytest.mark.parametrize("call", [sl.nn.init_all_states, sl.nn.reset_all_states])
def test_a_keyword_that_every_init_state_would_ignore(call):
    net = sl.nn.Sequential(sl.nn.Linear(2, 3), sl.LIF(3))
    with pytest.raises(TypeError, match=r"takes no keyword 'batchsize'; did you mean 'batch_size'"):
        call(net, batchsize=4)


def test_a_keyword_of_one_module_of_a_model_is_taken():
    class Own(sl.LIF):
        def init_state(self, batch_size=None, level=0.0, **_):
            super().init_state(batch_size)
            self.level = level

    net = sl.nn.Sequential(sl.LIF(3), Own(3))
    sl.nn.init_all_states(net, level=2.0)
    assert net[1].level == 2.0


@pytest.mark.parametrize("size", [-1, 2.0, True, "four"])
def test_a_batch_size_is_a_whole_number(size):
    neuron = sl.nn.init_all_states(sl.LIF(3))
    for call in (lambda: sl.nn.init_all_states(neuron, batch_size=size), lambda: sl.nn.init_all_states(neuron, size)):
        with pytest.raises(ValueError, match="LIF: batch_size must be a whole number"):
            call()
    assert neuron.V.value.shape == (3,)


def test_a_number_of_lanes_is_a_whole_number():
    with pytest.raises(ValueError, match="axis_size must be a whole number of at least 1; given -1"):
        sl.nn.vmap_init_all_states(sl.LIF(3), axis_size=-1)
