"""Whose code is whose: a view's own package is followed, libraries are known by name, and some names are refused."""

from __future__ import annotations

import site
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

from workbench.fingerprint.values import Opaque
from workbench.source_tree import data_of, installed_files

OURS = "workbench"
_CODE = "Call the code by its name, so that its source is known."
_READS = "reads something that is not a declared input"
_DATA = (
    "Take the data as a parameter: a source declared in workbench.toml, or another view. A small file beside the "
    'definition is declared by @feature_view(..., files="lookup.json").'
)
_SETTING = "Make it a keyword-only parameter of the view."

BUILTINS = {
    **dict.fromkeys(("eval", "exec", "compile", "__import__"), ("runs code that cannot be seen in the source", _CODE)),
    **dict.fromkeys(
        ("globals", "locals", "vars", "dir"), ("looks names up at run time", "Write the names that it needs.")
    ),
    **dict.fromkeys(("open", "input", "breakpoint"), (_READS, _DATA)),
}
"""Builtin functions that are refused: why, and the remedy."""

ATTRIBUTES = {
    **dict.fromkeys(
        ("__code__", "__globals__", "__closure__", "__builtins__", "__subclasses__", "__getattribute__", "__loader__"),
        ("reaches code that cannot be seen in the source", _CODE),
    ),
    **dict.fromkeys(
        ("f_locals", "f_globals", "f_back", "gi_frame", "cr_frame", "ag_frame", "tb_frame"),
        ("inspects running frames", "Pass the values as arguments."),
    ),
    **dict.fromkeys(
        ("__annotations__", "__doc__", "__module__", "__file__", "__path__", "__spec__", "__package__"),
        ("reads something that is not part of its identity", "Write the value out as a constant."),
    ),
    **dict.fromkeys(("read_text", "read_bytes"), (_READS, _DATA)),
}
"""Attributes that are refused on anything."""

_MODULES = {
    **dict.fromkeys(
        ("importlib", "builtins", "runpy", "marshal", "gc", "code"),
        ("can run code that cannot be seen in the source", _CODE),
    ),
    "inspect": ("inspects running code", "Pass the values as arguments."),
}
_MEMBERS = {
    # Polars does not tell its state, so that a change of it cannot be observed
    "polars.set_random_seed": ("sets the seed for all code", "Pass the seed to the call: .shuffle(seed=7)."),
    "polars.enable_string_cache": ("changes a setting for all code", "Cast to pl.Enum instead of pl.Categorical."),
    "sys.modules": ("reaches code that cannot be seen in the source", _CODE),
    "sys._getframe": ("inspects running frames", "Pass the values as arguments."),
    "typing.get_type_hints": (
        "reads annotations, which are not part of its identity",
        "Write the types out as a constant.",
    ),
    **dict.fromkeys(("os.environ", "os.getenv"), ("depends on the machine it runs on", _SETTING)),
    **dict.fromkeys(("os.open", "io.open", "_io.open", "codecs.open"), (_READS, _DATA)),
    **dict.fromkeys(("workbench.source", "workbench.open", "workbench.open_project"), (_READS, _DATA)),
    **dict.fromkeys(
        ("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.memmap"),
        (_READS, _DATA),
    ),
}
_READERS = frozenset({"polars", "pandas", "pyarrow", "duckdb", "geopandas", "dask"})


@dataclass(frozen=True, slots=True)
class Home:
    """The package that a view lives in.

    Attributes
    ----------
    module
        The view's module.
    owns
        Tells by a module's name whether its code is followed.
    folder
        Where the view's file lies; a value that holds this path would differ from machine to machine.
    data
        The data files that the view declares, relative to its tree's folder, and the git id of what is in them.
    """

    module: str
    owns: Callable[[str], bool]
    folder: str | None
    data: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, module: Mapping[str, Any], owns: Callable[[str], bool] | None) -> Home:
        """Return the home of a view in the module with the globals `module`."""
        name = str(module.get("__name__", "__main__"))
        file = module.get("__file__")
        return cls(name, owns or followed_by(name), str(Path(file).parent) if file else None, _data(name))

    def data_path(self, value: object) -> str | None:
        """Return what the path `value` is called from the tree's folder, for a definition that declares data files."""
        if not self.data or self.folder is None or not isinstance(value, str | PurePath):
            return None
        path = PurePath(value)
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else None

    def may_read(self, reason: tuple[str, str]) -> bool:
        """Return whether `reason` to refuse code is only that it reads: who declares files does, and is observed."""
        return bool(self.data) and reason[0] == _READS

    def check_member(self, module: str, chain: tuple[str, ...]) -> None:
        """Raise where using `chain` of a library's `module` cannot be fingerprinted."""
        reason = _refused_member(module, chain)
        if reason is not None and not self.may_read(reason):
            raise Opaque(*reason)

    def relative(self, name: str) -> str:
        """Return a module's name as it is part of a hash: without the package, which is unique to a tree."""
        if name == self.module:
            return ""
        package, _, rest = self.module.partition(".")
        return name.removeprefix(f"{package}.") if rest else name


def _data(module: str) -> dict[str, str]:
    """Return the data files that a module of a tree declares, itself or by what it imports."""
    package, _, below = module.partition(".")
    files = installed_files(package)
    path = f"{below.replace('.', '/')}.py"
    if files is None or path not in files.sources:
        return {}
    return {name: files.data[name] for name in data_of(path, files.sources) if name in files.data}


def followed_by(home: str) -> Callable[[str], bool]:
    """Return the usual rule of whose code is followed: a view's own package, and what is not installed as a library."""
    package = home.partition(".")[0]

    def owns(name: str) -> bool:
        top = name.partition(".")[0]
        if top == package:
            return True
        if top == OURS or top in sys.stdlib_module_names or top in sys.builtin_module_names:
            return False
        file = getattr(sys.modules.get(name), "__file__", None)
        return file is not None and not _is_installed(file)

    return owns


@lru_cache(maxsize=4_096)
def _is_installed(file: str) -> bool:
    """Return whether the file of a module is a library's."""
    place = Path(file).resolve()
    return any(place.is_relative_to(folder) for folder in _library_folders()) or "site-packages" in place.parts


@cache
def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = [*{paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}, *site.getsitepackages()]
    return tuple(str(Path(folder).resolve()) for folder in folders)


def _refused_member(module: str, chain: tuple[str, ...]) -> tuple[str, str] | None:
    """Return why `chain` of a library's `module` is refused, and the remedy; None where it is not."""
    top = module.partition(".")[0]
    if top in _MODULES:
        return _MODULES[top]
    for end in range(len(chain) + 1):
        name = ".".join((module, *chain[:end]))
        if name in _MEMBERS:
            return _MEMBERS[name]
    last = chain[-1] if chain else ""
    reading = ("read_", "scan_")
    if top in _READERS and (last.startswith(reading) or any(name.startswith(reading) for name in chain[:1])):
        return (_READS, _DATA)
    return None


def library_name(value: Any, module: str, qualified: str) -> str | None:
    """Return ``module.qualified`` if that is where `value` can be found, else None."""
    found: Any = sys.modules.get(module)
    for name in qualified.split("."):
        found = getattr(found, name, None)
    return f"{module}.{qualified}" if found is value else None


def library_constant(value: object) -> str | None:
    """Return the name under which a library offers the instance `value`, such as ``polars.col``."""
    module = type(value).__module__
    while module:
        names = [name for name, item in _members(sys.modules.get(module)) if item is value]
        if names:
            return f"{module}.{min(names)}"
        module = module.rpartition(".")[0]
    return None


def _members(module: ModuleType | None) -> list[tuple[str, object]]:
    return list(vars(module).items()) if module else []
