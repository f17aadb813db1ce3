"""machex.mount: the tree for the time of a block, and the program's errors as exceptions."""

from __future__ import annotations

import _thread
import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import machex
import machex.program
from machex import AlreadyMountedError, ProgramError, mounting, signals


def test_a_block_has_the_tree_and_then_it_is_gone(mountable: Path) -> None:
    with machex.mount(mountable) as root:
        assert os.path.ismount(root)
        index = machex.load_index(root, "chexpert")
        with open(index.paths[0], "rb") as file:
            assert file.read(3) == b"\xff\xd8\xff"
    assert not root.exists(), "a temporary mount point is removed"


def test_a_mount_point_of_one_s_own_stays(mountable: Path, tmp_path: Path) -> None:
    point = tmp_path / "mnt"
    point.mkdir()
    with machex.mount(mountable, point) as root:
        assert root == point
        assert os.path.ismount(point)
    assert point.is_dir()
    assert not os.path.ismount(point)


def test_it_ends_when_the_block_fails(mountable: Path) -> None:
    class OwnError(Exception):
        pass

    mount = machex.mount(mountable)
    with pytest.raises(OwnError), mount:
        raise OwnError
    assert not mount.root.exists()


def test_it_ends_though_files_are_open(mountable: Path) -> None:
    with machex.mount(mountable) as root:
        path = Path(machex.load_index(root, "brax").paths[0])
        content = path.read_bytes()
        file = open(path, "rb")  # noqa: SIM115
    with file:
        assert not root.exists()
        assert file.read() == content, "an open file stays readable"


def test_without_a_block(mountable: Path) -> None:
    mount = machex.mount(mountable, threads=1, cache_size="1GiB", warm=True)
    try:
        status = mount.status()
        assert status["workers"] == 1
        assert status["cache"]["limit"] == 1 << 30
        assert status["warm"]["of"] > 0
        assert sorted(os.listdir(mount)) == machex.list_datasets(mount)
        assert str(mount.root) in repr(mount)
    finally:
        mount.close()
    mount.close()
    assert not mount.root.exists()
    with pytest.raises(ProgramError):
        mount.status()


def test_options_reach_the_program(mountable: Path, tmp_path: Path) -> None:
    cache, log = tmp_path / "own cache", tmp_path / "own.log"
    mount = machex.mount(mountable, cache_path=cache, log_file=log, cache_size=10_000_000)
    try:
        status = mount.status()
        assert status["cache"]["path"].startswith(str(cache))
        assert status["cache"]["limit"] == 10_000_000
        assert log.exists()
    finally:
        mount.close()


def test_a_second_mount_is_told_where_the_first_is(mountable: Path, tmp_path: Path) -> None:
    temporary = set(Path(tempfile.gettempdir()).glob("machex-*"))
    tree = machex.mount(mountable)
    with pytest.raises(AlreadyMountedError) as caught:
        machex.mount(mountable)
    message = str(caught.value)
    for words in (
        f"the mount at {tree.root} (process {tree.status()['pid']} on ",
        "has the cache",
        "tree.close()",
        "reuse=True",
        f"machex unmount {tree.root}",
        "cache_path=",
    ):
        assert words in message, message
    assert caught.value.mountpoint == tree.root
    with pytest.raises(AlreadyMountedError, match=f"{tree.root} is a machex mount already"):
        machex.mount(mountable, tree.root)
    # What the message says can be done.
    with machex.mount(mountable, cache_path=tmp_path / "other") as other:
        assert other != tree.root
    tree.close()
    with machex.mount(mountable) as again:
        assert os.path.ismount(again)
    assert set(Path(tempfile.gettempdir()).glob("machex-*")) == temporary


def test_a_cell_that_is_run_again_reuses_its_mount(mountable: Path, tmp_path: Path) -> None:
    point = tmp_path / "mnt"
    point.mkdir()
    for where in (None, point):
        tree = machex.mount(mountable, where, reuse=True)
        assert machex.mount(mountable, where, reuse=True) is tree
        assert machex.mount(mountable, reuse=True) is tree
        tree.close()
        assert not os.path.ismount(tree.root)
        with machex.mount(mountable) as root:
            assert os.path.ismount(root)


def test_a_mount_of_another_process_outlives_its_reuse(mountable: Path, tmp_path: Path) -> None:
    point = tmp_path / "mnt"
    point.mkdir()
    machex.program.run(["mount", mountable, point])
    try:
        with pytest.raises(AlreadyMountedError, match="the mount at ") as caught:
            machex.mount(mountable)
        assert "tree.close()" not in str(caught.value), "no variable here has it"
        tree = machex.mount(mountable, reuse=True)
        assert (tree.root, tree.status()["mountpoint"]) == (point, str(point))
        assert "of another process" in repr(tree)
        with tree as root:
            assert machex.load_index(root, "brax")[0]["key"]
        assert os.path.ismount(point)
        assert "closed" in repr(tree)
    finally:
        machex.program.run(["unmount", point])


def test_only_the_same_config_at_the_same_place_is_reused(mountable: Path, tmp_path: Path) -> None:
    other, point = mountable.with_name("other.yml"), tmp_path / "mnt"
    other.write_text(mountable.read_text())
    point.mkdir()
    with machex.mount(mountable) as root:
        with pytest.raises(AlreadyMountedError, match=r"has another config, .*/config\.yml"):
            machex.mount(other, reuse=True)
        with pytest.raises(AlreadyMountedError, match=f"is at {root}, not at {point}"):
            machex.mount(mountable, point, reuse=True)
        with pytest.raises(ValueError, match="exclude"):
            machex.mount(mountable, reuse=True, replace=True)
        later = time.time() + 60
        os.utime(mountable, (later, later))
        with pytest.warns(UserWarning, match="has changed since it was mounted") as warned:
            machex.mount(mountable, reuse=True)
        assert warned[0].filename == __file__
        with pytest.raises(ProgramError, match=r"nowhere\.yml"):
            machex.mount("nowhere.yml", reuse=True)
        assert os.path.ismount(root)


def test_errors_are_the_program_s_own_words(tmp_path: Path, mountable: Path) -> None:
    with pytest.raises(ProgramError, match=r"config file .*nowhere\.yml: there is no such file"):
        machex.mount(tmp_path / "nowhere.yml")
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("MACHEX_PATH: x\nFRONTAL_ONLY: true\nMIMIC_ROT: x\n")
    with pytest.raises(ProgramError, match="MIMIC_ROOT"):
        machex.mount(wrong)
    with pytest.raises(ProgramError, match=r"^invalid value 'x' for '--threads.*\w$"):
        machex.mount(mountable, threads="x")  # type: ignore[arg-type]
    with pytest.raises(ProgramError, match="make it first"):
        machex.mount(mountable, tmp_path / "not there")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("machex-")]


def test_a_path_is_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProgramError, match="config file --warm: there is no such file"):
        machex.mount("--warm")


def test_the_end_of_the_interpreter_ends_it(mountable: Path) -> None:
    program = f"import machex; print(machex.mount({str(mountable)!r}).root)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    root = Path(done.stdout.strip())
    assert root.name.startswith("machex-")
    assert not root.exists()


@pytest.mark.parametrize(
    "end",
    [
        "os.kill(os.getpid(), signal.SIGTERM)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os._exit(1)",
    ],
)
def test_the_end_by_a_signal_ends_it(mountable: Path, end: str) -> None:
    program = f"import machex, os, signal; print(machex.mount({str(mountable)!r}).root); {end}"
    done = subprocess.run(
        [sys.executable, "-u", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    root = Path(done.stdout.strip())
    deadline = time.monotonic() + 20
    while os.path.ismount(root) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not list(root.iterdir())
    # A temporary folder is left, as of any process that is killed; the mount and its lock are not.
    root.rmdir()
    with machex.mount(mountable) as root:
        assert os.path.ismount(root)


def test_the_end_of_the_interpreter_does_not_wait_for_a_mount_that_is_silent(
    mountable: Path,
) -> None:
    program = (
        "import machex, os, signal\n"
        f"mount = machex.mount({str(mountable)!r})\n"
        "daemon = mount.status()['pid']\n"
        "os.kill(daemon, signal.SIGSTOP)\n"
        "print(mount.root, daemon)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    root, daemon = ended.stdout.split()
    try:
        assert root not in Path("/proc/self/mountinfo").read_text()
        assert not Path(root).exists()
    finally:
        os.kill(int(daemon), signal.SIGCONT)


def test_the_end_of_a_child_that_mounted_ends_it(mountable: Path) -> None:
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send(machex.mount(mountable).root))
    child.start()
    sender.close()
    root = receiver.recv()
    child.join()
    deadline = time.monotonic() + 20
    while os.path.ismount(root) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not os.path.ismount(root)
    # From Python 3.13 on, such a child runs what is to be done at its exit.
    if root.exists():
        root.rmdir()


def test_the_end_of_a_forked_child_does_not(mountable: Path) -> None:
    with machex.mount(mountable) as root:
        child = os.fork()
        if child == 0:
            import atexit

            atexit._run_exitfuncs()
            os._exit(0)
        os.waitpid(child, 0)
        assert os.path.ismount(root)


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C raises, though it may be ignored in what a shell has put in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize("is_temporary", [True, False])
def test_an_interrupt_at_any_line_leaves_nothing(
    mountable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_temporary: bool
) -> None:
    """What was mounted is known to the caller, or gone."""
    temporary, point = tmp_path / "temporary", tmp_path / "mnt"
    temporary.mkdir()
    point.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    where = {signals.__file__, mounting.__file__, machex.program.__file__, tempfile.__file__}

    for line in itertools.count():
        ahead = line

        def interrupt(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
            nonlocal ahead
            if frame.f_code.co_filename not in where:
                return None
            if event == "line":
                ahead -= 1
                if ahead == -1:
                    sys.settrace(None)
                    _thread.interrupt_main()
            return interrupt

        tracing = sys.gettrace()
        try:
            sys.settrace(interrupt)
            mount = machex.mount(mountable, None if is_temporary else point)
            sys.settrace(tracing)
            mount.close()
            assert ahead >= 0, f"the interrupt at line {line} is lost"
            break
        except KeyboardInterrupt:
            assert str(tmp_path) not in Path("/proc/self/mounts").read_text(), line
            assert not list(temporary.iterdir()), line
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, line
        finally:
            sys.settrace(tracing)
            signal.signal(signal.SIGINT, signal.default_int_handler)
    assert line > 30, "of all lines, so many are run at least"


def test_an_interrupt_while_the_program_runs(mountable: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    program = (
        "import _thread, machex, signal, tempfile, threading\n"
        # It may be ignored, as in what a shell has put in the background.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"tempfile.tempdir = {str(temporary)!r}\n"
        "mount = machex.mount\n"
        "threading.Timer(0.01, _thread.interrupt_main).start()\n"
        f"mount({str(mountable)!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert "KeyboardInterrupt" in done.stderr
    assert not list(temporary.iterdir())
    # Nor does one come later.
    time.sleep(0.5)
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGALRM, signal.SIGTERM])
def test_a_signal_comes_to_the_caller_s_own_handler(
    mountable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    class OwnError(Exception):
        pass

    def handle(_: int, __: object) -> None:
        raise OwnError

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = signal.signal(number, handle)
    timer = threading.Timer(0.01, os.kill, (os.getpid(), number))
    timer.start()
    try:
        with pytest.raises(OwnError), machex.mount(mountable):
            timer.join()
        assert signal.getsignal(number) is handle
    finally:
        timer.join()
        signal.signal(number, before)
    assert [path for path in tmp_path.iterdir() if path.name.startswith("machex-")] == []


def test_a_second_interrupt_does_not_wait(tmp_path: Path) -> None:
    hanging = tmp_path / "machex"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    program = (
        "import machex, machex.program, os, pathlib, signal, threading\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"machex.program.find_program = lambda: pathlib.Path({str(hanging)!r})\n"
        "mount = machex.mount\n"
        "for seconds in (0.3, 0.6):\n"
        "    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "mount('config.yml')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert "KeyboardInterrupt" in done.stderr


def test_it_can_be_mounted_in_a_thread(mountable: Path) -> None:
    with ThreadPoolExecutor(1) as thread:
        mount = thread.submit(machex.mount, mountable).result()
    with mount as root:
        assert os.path.ismount(root)


def test_the_error_of_a_block_is_not_lost(mountable: Path) -> None:
    mount = machex.mount(mountable)
    machex.program.run(["unmount", mount.root])
    with pytest.raises(KeyError), mount:
        raise KeyError
    assert not mount.root.exists()


def test_python_m_machex_is_the_program() -> None:
    command = [sys.executable, "-m", "machex"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["machex", machex.__version__]
    failing = subprocess.run(
        [*command, "status", "/nowhere"], capture_output=True, text=True, check=False
    )
    assert failing.returncode == 1
    assert "is not a machex mount" in failing.stderr


def test_a_mount_s_json_is_read_while_it_is_there(mounted: Path) -> None:
    status = json.loads((mounted / ".machex/status.json").read_text())
    assert status["mountpoint"] == str(mounted)
