"""What the site is built with: the table of models and the lists of names, taken from the package itself.

A line `{{ models }}` in a page becomes the description of every model, `{{ nest }}` that of each model of NEST;
`{{ api NAME }}` becomes the public names of the module NAME, each with its signature and docstring. Formulas become
MathML, which browsers show without a script.
"""

import html
import inspect
import re
from types import ModuleType
from typing import Any

import brainunit as u
import spikeloop as sl
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from spikeloop._form import Form
from spikeloop._units import unit_of

KINDS = {
    "Neurons": sl.models.Neuron,
    "Synapses": sl.models.Synapse,
    "Outputs": sl.models.SynOut,
    "Short-term plasticity": sl.models.ShortTermPlasticity,
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    markdown = re.sub(r"^{{ models }}$", lambda _: models(), markdown, flags=re.MULTILINE)
    markdown = re.sub(r"^{{ nest }}$", lambda _: nest(), markdown, flags=re.MULTILINE)
    return re.sub(r"^{{ api ([\w.]+) }}$", lambda m: api(m[1]), markdown, flags=re.MULTILINE)


class Examples(Preprocessor):
    """The examples of docstrings, from `>>>` to an empty line, as blocks of code."""

    def run(self, lines: list[str]) -> list[str]:
        text = re.sub(r"^((?:>>> .*)(?:\n.+)*)", r"```pycon\n\1\n```", "\n".join(lines), flags=re.MULTILINE)
        return text.split("\n")


class ExamplesExtension(Extension):
    def extendMarkdown(self, md: Any) -> None:  # noqa: N802
        md.preprocessors.register(Examples(md), "examples", 29)  # before the blocks of code are taken out


def on_config(config: Any) -> Any:
    config["markdown_extensions"].append(ExamplesExtension())
    return config


FORMULAS = {
    "block": r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>',
    "inline": r'<span class="arithmatex">\\\((.*?)\\\)</span>',
}


def on_page_content(html_text: str, **_: Any) -> str:
    """Formulas, which the Markdown extension arithmatex leaves as TeX, as MathML."""
    for display, pattern in FORMULAS.items():
        html_text = re.sub(pattern, lambda m, display=display: mathml(m[1], display), html_text, flags=re.DOTALL)
    return html_text


def mathml(tex: str, display: str) -> str:
    from latex2mathml.converter import convert

    formula = convert(html.unescape(tex).strip(), display=display)
    # The dot of a derivative, close to its letter and large enough to be seen.
    formula = re.sub(
        r"<mover>(.*?)<mo>&#x002D9;</mo>", r'<mover accent="true">\1<mo class="dot">&#x002D9;</mo>', formula
    )
    return f'<div class="formula">{formula}</div>' if display == "block" else formula


# --- models ----------------------------------------------------------------------------------------------------------


def models() -> str:
    """A summary table and one section per model."""
    parts = [summary()]
    for title, base in KINDS.items():
        parts += [f"## {title}", *map(section, registry(base))]
    return "\n\n".join(parts)


def nest() -> str:
    """A section for each model of NEST: its docstring, in which the declarations are listed already."""
    base = sl.nest.NestNeuron
    found = [x for x in vars(sl.nest).values() if inspect.isclass(x) and issubclass(x, base) and x is not base]
    return "\n\n".join(f"### {cls.__name__}\n\n{doc(cls)}" for cls in sorted(found, key=lambda cls: cls.__name__))


def registry(base: type[Form]) -> list[type[Form]]:
    """The public models of one kind, in alphabetical order."""
    found = [x for x in vars(sl.models).values() if inspect.isclass(x) and issubclass(x, base) and x is not base]
    return sorted(found, key=lambda cls: cls.__name__)


def summary() -> str:
    rows = ["| model | what | states |", "|---|---|---|"]
    for base in KINDS.values():
        rows += [
            f"| [`{cls.__name__}`](#{cls.__name__.lower()}) | {first_sentence(cls)} | {states(cls)} |"
            for cls in registry(base)
        ]
    return "\n".join(rows)


def section(cls: type[Form]) -> str:
    equation = re.search(r"\$\$.*?\$\$", doc(cls), re.DOTALL)
    parts = [f"### {cls.__name__}", f"{first_sentence(cls)} {details(cls)}".strip()]
    if equation:
        parts.append(equation[0])
    meanings = meanings_of(cls)
    rows = ["| argument | meaning | unit | default |", "|---|---|---|---|"]
    rows += [
        f"| `{name}` | {meanings.get(name, '')} | {unit(declared.default)} | {number(declared.default)} |"
        for name, declared in cls.params.items()
    ]
    rows += [
        f"| `{name}_initializer` | {meanings.get(f'{name}_initializer', f'initial {name}')} "
        f"| {symbol(declared.unit)} | {start(declared.default)} |"
        for name, declared in cls.state_vars.items()
    ]
    rows += [f"| `{name}` | {meanings.get(name, '')} | | `{show(value)}` |" for name, value in cls.options.items()]
    parts += ["\n".join(rows), f"States: {states(cls)}.", example(cls), source(cls)]
    return "\n\n".join(filter(None, parts))


def doc(cls: Any) -> str:
    return inspect.cleandoc(vars(cls).get("__doc__") or getattr(cls, "__doc__", "") or "")


def first_sentence(cls: Any) -> str:
    return doc(cls).split("\n\n")[0].replace("\n", " ")


def details(cls: type[Form]) -> str:
    """The paragraphs between the first and the table, without equations."""
    middle = doc(cls).split("\n|")[0].split("\n\n")[1:]
    return " ".join(p for p in middle if p and not p.startswith(("$$", ">>>"))).replace("\n", " ")


def example(cls: type[Form]) -> str:
    return "\n\n".join(p for p in doc(cls).split("\n\n") if p.startswith(">>>"))


def source(cls: type[Form]) -> str:
    """The reference: the last paragraph, if it names a year."""
    last = doc(cls).split("\n\n")[-1]
    return (
        f"Source: {last.replace(chr(10), ' ')}"
        if not last.startswith(">>>") and re.search(r"\((1[89]|20)\d\d\)", last)
        else ""
    )


def meanings_of(cls: type[Form]) -> dict[str, str]:
    """{argument: meaning} from the tables in the docstrings of the class and its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for line in inspect.cleandoc(vars(base).get("__doc__") or "").splitlines():
            cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            if line.startswith("| `") and len(cells) > 1 and not cells[1].startswith("as in"):
                found.update(dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), cells[1]))
    return found


def states(cls: type[Form]) -> str:
    names = [*cls.state_vars, *(n for n in cls.state_names if n not in cls.state_vars)]
    if issubclass(cls, sl.models.Neuron):
        names = [n for n in names if n != "delta" and (n != "ref_left" or "tau_ref" in cls.params)]
    return ", ".join(f"`{name}`" for name in names) or "none"


def symbol(unit: Any) -> str:
    return "" if unit.is_unitless else str(unit)


def unit(value: Any) -> str:
    return symbol(unit_of(value))


def number(value: Any) -> str:
    value = value.mantissa if isinstance(value, u.Quantity) else value
    return f"{value:g}" if isinstance(value, (int, float)) or getattr(value, "ndim", None) == 0 else f"`{show(value)}`"


def start(value: Any) -> str:
    if value is None:
        return "steady state"
    return f"`{value}`" if isinstance(value, str) else number(value)


def show(value: Any) -> str:
    return str(value) if isinstance(value, (u.Quantity, u.Unit)) else repr(value)


# --- names -----------------------------------------------------------------------------------------------------------


def api(name: str) -> str:
    """An entry for each public name of a module: what its `__init__` defines or re-exports."""
    module: Any = sl
    for part in name.split(".")[1:]:
        module = getattr(module, part)
    values = {key: getattr(module, key) for key in public(module)}
    return "\n\n".join(made(key, f) if is_made(f) else f"::: {name}.{key}" for key, f in values.items())


def is_made(value: Any) -> bool:
    """Whether a function comes out of another one, where no static analysis finds its signature and docstring."""
    code = getattr(value, "__code__", None)
    return code is not None and "<locals>" in code.co_qualname


def made(key: str, function: Any) -> str:
    signature = inspect.signature(function)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    signature = signature.replace(parameters=bare, return_annotation=signature.empty)
    return f'<span id="{key}"></span>\n\n### `{key}{signature}`\n\n{doc(function)}'


def public(module: ModuleType) -> list[str]:
    names = getattr(module, "__all__", None) or [key for key, value in vars(module).items() if is_ours(module, value)]
    shown = (key for key in names if not key.startswith("_") and callable(getattr(module, key)))
    return sorted(key for key in shown if key not in vars(sl.compat))


def is_ours(module: ModuleType, value: Any) -> bool:
    """Whether a module's list shows this value: models and inputs have lists of their own."""
    home = getattr(value, "__module__", None) or ""
    if isinstance(value, ModuleType) or not home.startswith("spikeloop"):
        return False
    if module is sl and home.startswith(("spikeloop.models", "spikeloop.inputs")):
        return False
    return not any(value in registry(base) for base in KINDS.values())


if __name__ == "__main__":
    print(models())
