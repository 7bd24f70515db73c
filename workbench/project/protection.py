"""Which branches only `promote` writes, by what the one with all that is published says itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.config import CONFIG_FILE, Config
from workbench.errors import BranchError, ConfigError

if TYPE_CHECKING:
    from workbench.git import Repository


def repository_rules(repository: Repository, config: Config) -> tuple[tuple[str, ...], bool]:
    """Return the branches that experiments do not write, the one with what is published first, and whether hooks run.

    What that branch itself says counts, whatever the checked-out ``workbench.toml`` says: an experiment cannot lift its
    own protection. A checkout can only add to it.
    """
    declared = config.project.protected
    there = repository.names()
    usual = [name for name in repository.usual_trunks() if name in there]
    for name in dict.fromkeys([*usual, *(name for name in declared if name in there)]):
        try:
            said = Config.parse(repository.read(name, CONFIG_FILE))
        except BranchError:
            continue  # the project is not on it
        except ConfigError:
            return tuple(dict.fromkeys([name, *declared])), config.git.hooks
        names = said.project.protected or (name,)
        trunk = next((each for each in names if each in there), name)
        return tuple(dict.fromkeys([trunk, *names, *declared])), said.git.hooks or config.git.hooks
    begun = (each for each in (*declared, *usual) if each in there)
    trunk = next(begun, (*declared, *repository.usual_trunks())[0])
    return tuple(dict.fromkeys([trunk, *declared])), config.git.hooks
