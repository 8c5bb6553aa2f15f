"""The command line: every network runs and reports its rate."""

import re
import subprocess
import sys

import jax
import pytest
import spikeloop as sl
from spikeloop import cli

NAMES = sorted(cli._NETWORKS)


def test_every_network_can_be_run():
    exported = {x for x in vars(sl.networks).values() if isinstance(x, type)}
    assert set(cli._NETWORKS.values()) == exported - {sl.networks.StandardNetwork, sl.networks.Balanced}


@pytest.mark.parametrize("name", NAMES)
def test_run(name, capsys):
    small = ["--scale", "0.013", "--drive", "dc"] if name == "pd14" else ["--neurons", "1000"]
    assert cli.main(["run", name, *small, "--seconds", "0.04", "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    size = 1003 if name == "pd14" else 1000
    assert f"{cli._NETWORKS[name].__name__}, {size} neurons, 0.04 s of biological time, dt 0.1 ms" in printed
    assert float(re.search(r"mean rate +([\d.]+) Hz", printed)[1]) > 0
    for part in ("L23E", "L6I") if name == "pd14" else ("E", "I"):
        assert re.search(rf"^  {part} +[\d.]+ Hz$", printed, re.MULTILINE)
    for line in ("build", "trace and compile", "wall time", "real-time factor", "per step"):
        assert re.search(rf"^{line} +[\d.]+", printed, re.MULTILINE)


def test_the_size_is_that_of_the_network_unless_given(capsys):
    cli.main(["run", "cuba", "--seconds", "0.001"])
    assert "CUBANetwork, 4000 neurons" in capsys.readouterr().out


@pytest.mark.parametrize("form", [[], ["--text"]], ids=["class", "text"])
def test_the_files_of_a_new_model_work(form, tmp_path, capsys):
    """Its test passes, its page runs, and nothing is overwritten."""
    assert cli.main(["new-model", "LeakyIFNeuron", *form, "--directory", str(tmp_path)]) == 0
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"leaky_if_neuron.py", "test_leaky_if_neuron.py", "leaky_if_neuron.md"}
    assert "pytest" in capsys.readouterr().out
    code = re.search(r"```python\n(.*?)```", (tmp_path / "leaky_if_neuron.md").read_text(), re.DOTALL)[1]
    both = f"import pytest\n{code}\nraise SystemExit(pytest.main(['-q', '-p', 'no:cacheprovider', '.']))"
    run = subprocess.run([sys.executable, "-c", both], capture_output=True, text=True, cwd=tmp_path)
    assert "kHz" in run.stdout, run.stderr
    assert "2 passed" in run.stdout, run.stdout
    with pytest.raises(SystemExit, match=r"leaky_if_neuron.py is there already"):
        cli.main(["new-model", "LeakyIFNeuron", "--directory", str(tmp_path)])


def test_a_model_needs_the_name_of_a_class(tmp_path):
    with pytest.raises(SystemExit, match="a name such as MyNeuron; given 'my-neuron'"):
        cli.main(["new-model", "my-neuron", "--directory", str(tmp_path)])


def test_a_device_that_is_not_there_is_said(monkeypatch):
    def devices(kind):
        raise RuntimeError(f"no {kind} here")

    monkeypatch.setattr(jax, "devices", devices)
    with pytest.raises(SystemExit, match=r"JAX finds no GPU: no gpu here\n.*spikeloop\[cuda\]"):
        cli.main(["run", "coba", "--device", "gpu"])


def test_the_device_is_the_one_asked_for(monkeypatch, capsys):
    asked, (cpu, *_) = [], jax.devices("cpu")
    monkeypatch.setattr(jax, "devices", lambda kind=None: asked.append(kind) or [cpu])
    cli.main(["run", "coba", "--neurons", "100", "--seconds", "0.001", "--device", "cpu"])
    assert [kind for kind in asked if kind] == ["cpu"]
    assert "COBANetwork" in capsys.readouterr().out


def test_a_raster_is_drawn(tmp_path, capsys):
    cli.main(["run", "coba", "--neurons", "200", "--seconds", "0.05", "--raster", str(tmp_path / "raster.png")])
    assert (tmp_path / "raster.png").stat().st_size > 1000
    assert "raster.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        ["run", "nothing"],
        ["run", "coba", "--neurons", "0"],
        ["run", "coba", "--dt", "x"],
        ["run", "coba", "--scale", "0.1"],
        ["run", "pd14", "--neurons", "9"],
        ["run", "pd14", "--scale", "2"],
    ],
)
def test_wrong_arguments_end_with_status_2(wrong, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(wrong)
    assert end.value.code == 2
    assert "usage: spikeloop" in capsys.readouterr().err
