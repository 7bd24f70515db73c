"""The branch of a notebook stands in a file for its kernel, which whoever shows the notebook reads and writes too."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from workbench.errors import InvalidName
from workbench.project import branch_of_kernel, choose_kernel_branch, kernel_branch

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project


def test_a_kernel_is_on_the_branch_that_was_chosen_for_it_and_on_no_others(project: Project) -> None:
    root = project.root
    assert branch_of_kernel(root, "one") == (None, "checkout")
    choose_kernel_branch(root, "one", "exp/first")
    assert branch_of_kernel(root, "one") == ("exp/first", "notebook")
    assert branch_of_kernel(root, "two") == (None, "checkout")
    choose_kernel_branch(root, "two", "exp/gone")
    assert kernel_branch(root, "two") == "exp/gone"
    assert branch_of_kernel(root, "two") == (None, "checkout")
    choose_kernel_branch(root, "one", None)
    choose_kernel_branch(root, "one", None)
    assert branch_of_kernel(root, "one") == (None, "checkout")


def test_without_a_kernel_it_is_the_command_lines_branch(project: Project) -> None:
    assert branch_of_kernel(project.root, "") == (None, "checkout")
    project.use_branch_in_shell()
    assert branch_of_kernel(project.root, "") == ("exp/first", "command line")
    assert branch_of_kernel(project.root, "one") == (None, "checkout")


@pytest.mark.parametrize("kernel", ["../branch", "a/b", "", ".hidden", "x" * 101, "a\nb"])
def test_what_is_no_id_of_a_kernel_reaches_no_path(project_root: Path, kernel: str) -> None:
    with pytest.raises(InvalidName):
        choose_kernel_branch(project_root, kernel, "main")
    if kernel:
        with pytest.raises(InvalidName):
            branch_of_kernel(project_root, kernel)


def test_files_of_kernels_that_are_long_gone_are_removed(project_root: Path) -> None:
    choose_kernel_branch(project_root, "old", "main")
    choose_kernel_branch(project_root, "recent", "main")
    folder = project_root / ".workbench" / "kernels"
    os.utime(folder / "old", (0, 0))
    choose_kernel_branch(project_root, "new", "main")
    assert {path.name for path in folder.iterdir()} == {"recent", "new"}


def test_a_file_that_is_no_text_chooses_nothing(project_root: Path) -> None:
    choose_kernel_branch(project_root, "one", "main")
    (project_root / ".workbench" / "kernels" / "one").write_bytes(b"\xff\xfe")
    assert branch_of_kernel(project_root, "one") == (None, "checkout")
    with closing(wb.open(project_root)) as project:
        assert project.branch_name == "main"
