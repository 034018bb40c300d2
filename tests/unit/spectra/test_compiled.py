"""Building and keeping the native library, and what happens where that does not work."""

import ctypes
import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from weightscape.spectra import compiled
from weightscape.spectra.two_stage import SOURCE

pytestmark = pytest.mark.process
library = compiled.library.__wrapped__  # which remembers nothing
LANES = compiled.widest() or 4
needs_compiler = pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHTSCAPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    return tmp_path / "cache" / "native"


@pytest.fixture
def small(tmp_path):
    """A library of one function, which takes no time to build; `SOURCE` itself is built before the tests."""
    path = tmp_path / "small.c"
    path.write_text('int __attribute__((visibility("default"))) check(void) { return 1; }\n')
    return path


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


@needs_compiler
def test_a_library_is_built_once(cache, small, monkeypatch):
    assert isinstance(library(small, LANES), ctypes.CDLL)
    [kept] = cache.iterdir()
    monkeypatch.setattr(compiled, "_build", lambda *_: pytest.fail("built again"))
    assert library(small, LANES)
    assert not kept.stat().st_mode & 0o022


@needs_compiler
def test_an_edited_source_is_built_anew(cache, small):
    assert library(small, 4)
    small.write_text(small.read_text() + "\n/* edited */\n")
    assert library(small, 4)
    assert len(list(cache.iterdir())) == 2


@needs_compiler
def test_processes_may_build_at_once(cache, small):
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: library(small, LANES), range(4)))
    assert len(list(cache.iterdir())) == 1


BROKEN = {
    "that fails": "raise SystemExit(1)",
    "that writes nothing": "",
    "that writes no library": "import sys; open(sys.argv[sys.argv.index('-o') + 1], 'w').write('nothing')",
    "that never ends": "import time; time.sleep(60)",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_compiler_is_no_error(fault, cache, small, tmp_path, monkeypatch):
    broken = [str(program(tmp_path / "broken", BROKEN[fault]))]
    monkeypatch.setattr(compiled, "PATIENCE", 1 if "never" in fault else 60)
    monkeypatch.setattr(compiled, "compilers", lambda: iter([broken]))
    assert library(small, LANES) is None
    assert not list(cache.iterdir())


@needs_compiler
def test_after_a_broken_compiler_the_next_one_is_tried(tmp_path, monkeypatch, small):
    monkeypatch.setenv("CC", str(program(tmp_path / "broken", "raise SystemExit(1)")) + " -pipe")
    assert next(compiled.compilers()) == [str(tmp_path / "broken"), "-pipe"]
    assert library(small, LANES)


@needs_compiler
@pytest.mark.parametrize("fault", ["return 0", "__builtin_trap()"])
def test_a_library_that_fails_its_check_is_not_kept(fault, cache, small):
    small.write_text(small.read_text().replace("return 1", f"{fault}; return 0"))
    assert library(small, LANES) is None
    assert not list(cache.iterdir())


@needs_compiler
def test_a_library_that_others_may_have_written_is_built_again(cache, small):
    assert library(small, LANES)
    [kept] = cache.iterdir()
    kept.unlink()  # what is loaded stays whole
    kept.write_bytes(b"planted")
    kept.chmod(0o777)
    assert library(small, LANES)
    assert kept.read_bytes() != b"planted"
    assert not kept.stat().st_mode & stat.S_IWOTH


@needs_compiler
def test_a_library_that_cannot_be_loaded_is_built_again(cache, small, monkeypatch):
    def write_nonsense(_command, _source, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"cut off")
        path.chmod(0o755)
        return True

    with monkeypatch.context() as patched:
        patched.setattr(compiled, "_build", write_nonsense)
        assert library(small, LANES) is None
    assert library(small, LANES)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WEIGHTSCAPE_CACHE", str(tmp_path / "file" / "below"))
    assert library(SOURCE, LANES) is None


def test_without_a_home_there_is_no_library_and_no_error(monkeypatch):
    monkeypatch.delenv("WEIGHTSCAPE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert library(SOURCE, LANES) is None


@pytest.mark.parametrize(
    ("flags", "lanes"), [("avx512f avx512dq avx512vl avx2 fma", 8), ("avx2 fma", 4), ("sse2", None)]
)
def test_the_width_of_the_vectors_is_that_of_the_processor(flags, lanes, monkeypatch):
    monkeypatch.setattr(compiled, "_flags", lambda: frozenset(flags.split()))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert compiled.widest() == lanes


def test_other_processors_have_four_lanes_or_lapack(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert compiled.widest() == 4
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert compiled.widest() is None


@needs_compiler
def test_the_source_has_no_fault_that_a_sanitizer_sees(tmp_path):
    """Addresses, alignment and undefined behaviour, by a program that runs the check of the source."""
    main = tmp_path / "main.c"
    main.write_text(f'#include "{SOURCE}"\nint main(void) {{ return check() != 1; }}\n')
    flags = [flag for flag in compiled.FLAGS if flag not in ("-shared", "-O3")]
    for lanes in (4, 8):
        if lanes > LANES:
            continue
        features = [f"-m{name}" for name in compiled.FEATURES[lanes]] if os.uname().machine == "x86_64" else []
        build = [
            "cc",
            "-O1",
            *flags,
            *features,
            f"-DL={lanes}",
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover",
        ]
        done = subprocess.run([*build, str(main), "-o", str(tmp_path / "a"), "-lm"], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("the compiler has no sanitizers")
        subprocess.run([str(tmp_path / "a")], check=True, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
