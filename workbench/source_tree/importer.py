"""Importing the files of a git tree as a package of their own, so that several trees live side by side."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import CodeType, ModuleType

from workbench.errors import DefinitionError
from workbench.source_tree.tree import FOLDER, TreeFiles

_FILES = "__definitions__"
_RAN = "__ran__"
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


def install(package: str, files: TreeFiles) -> TreeFiles:
    """Make the modules of `files` importable below `package`; return the files that are.

    The package is made once a process; whoever comes second, in whichever thread, gets the first one's files.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
    module = ModuleType(package, "Definitions of one git tree.")
    module.__path__ = []
    module.__file__ = str(files.folder / "__init__.py")
    setattr(module, _FILES, files)
    installed = installed_files(sys.modules.setdefault(package, module))
    return installed or files


def installed_files(package: str | ModuleType) -> TreeFiles | None:
    """Return the files behind an installed package, None where it is not one."""
    module = sys.modules.get(package) if isinstance(package, str) else package
    files = getattr(module, _FILES, None)
    return files if isinstance(files, TreeFiles) else None


def run_package(package: str) -> None:
    """Run ``features/__init__.py``, if there is one, once."""
    module = sys.modules[package]
    files = installed_files(module)
    if files is None or "__init__.py" not in files.sources or hasattr(module, _RAN):
        return
    code = _Loader(files, "__init__.py").get_code(package)
    setattr(module, _RAN, True)
    try:
        exec(code, vars(module))  # noqa: S102  # importing a module is to run it
    except BaseException:
        delattr(module, _RAN)
        raise


class _Finder(MetaPathFinder):
    """Finds modules below installed packages; knows nothing itself, so one serves all."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  # the protocol's
        target: ModuleType | None = None,  # noqa: ARG002  # the protocol's
        /,
    ) -> ModuleSpec | None:
        package, _, rest = fullname.partition(".")
        files = installed_files(package) if rest else None
        if files is None:
            return None
        below = rest.replace(".", "/")
        if f"{below}.py" in files.sources:
            return _spec(fullname, files, f"{below}.py")
        if files.has_folder(below):
            return _spec(fullname, files, f"{below}/__init__.py")
        return None


def _spec(fullname: str, files: TreeFiles, path: str) -> ModuleSpec | None:
    package = path.endswith("/__init__.py")
    spec = spec_from_loader(fullname, _Loader(files, path), is_package=package)
    if spec is not None:
        spec.has_location = True
    return spec


class _Loader(SourceLoader):
    """Compiles what git holds. It has no ``path_stats``, so Python neither reads nor writes bytecode files."""

    def __init__(self, files: TreeFiles, path: str) -> None:
        self._files = files
        self._path = path

    def get_filename(self, fullname: str) -> str:  # noqa: ARG002  # the loader is for one module
        return str(self._files.folder / self._path)

    def get_data(self, path: str | bytes) -> bytes:  # noqa: ARG002  # as above
        return self._files.sources.get(self._path, b"")

    def get_code(self, fullname: str) -> CodeType:
        """Compile the file; refuse what would run something else than this tree, or read as another text."""
        filename, name = self.get_filename(fullname), f"{FOLDER}/{self._path}"
        tree = ast.parse(decode_source(self.get_data(filename), name), filename)
        _refuse_absolute(tree, name)
        code: CodeType = compile(tree, filename, "exec", dont_inherit=True)
        return code


def decode_source(data: bytes, name: str) -> str:
    """Return the text of a definition's file."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DefinitionError(
            f"{name} is not UTF-8 in line {line}.", remedy="Save it as UTF-8 and commit it."
        ) from None
    for start in data.splitlines()[:2]:
        coding = _CODING.match(start)
        if coding and coding[1].decode().lower().replace("_", "-") not in ("utf-8", "utf8"):
            raise DefinitionError(
                f"{name} declares the encoding {coding[1].decode()}.", remedy="Save it as UTF-8 and drop that line."
            )
    return text


def _refuse_absolute(tree: ast.Module, name: str) -> None:
    """``import features.x`` would find the working tree, whatever is in it, and not this tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported = [node.module or ""] if node.level == 0 else []
        elif isinstance(node, ast.Import):
            imported = [item.name for item in node.names]
        else:
            continue
        for module in imported:
            if module == FOLDER or module.startswith(f"{FOLDER}."):
                below = module.removeprefix(FOLDER).removeprefix(".")
                raise DefinitionError(
                    f"{name} imports {module!r} absolutely in line {node.lineno}, which would load the working "
                    "tree's file.",
                    remedy=f"Import it relatively: `from .{below} import ...`.",
                )
