"""Build of the Cython kernels; everything else about the package stands in pyproject.toml."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
PROGRAM = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"


def openmp_flags():
    """Compiler and linker flags for OpenMP, or two empty lists where the compiler has none."""
    compiler = os.environ.get("CC", "cc").split()
    candidates = [(["-fopenmp"], ["-fopenmp"])]
    if sys.platform == "darwin":
        candidates.append((["-Xpreprocessor", "-fopenmp"], ["-lomp"]))
    for compile_flags, link_flags in candidates:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "probe.c"
            source.write_text(PROGRAM)
            command = [*compiler, *compile_flags, str(source), "-o", str(Path(folder) / "probe"), *link_flags]
            try:
                subprocess.run(command, check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError):
                continue
            return compile_flags, link_flags
    print("jwpipe: the C compiler has no OpenMP; the kernels are built to run on one thread", file=sys.stderr)
    return [], []


def kernels():
    """One extension a .pyx in cext/, as modules of jwpipe.cext."""
    compile_flags, link_flags = openmp_flags()
    return [
        Extension(
            f"jwpipe.cext.{source.stem}",
            [str(source.relative_to(ROOT))],
            include_dirs=["cext"],
            depends=["cext/wider.h"],
            # No -ffast-math and no contraction to fused multiply-add: the same bits on every machine. Nobody reads the
            # floating-point exception flags; as long as they matter, GCC does not vectorise a choice between values.
            extra_compile_args=["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", *compile_flags],
            extra_link_args=link_flags,
        )
        for source in sorted((ROOT / "cext").glob("*.pyx"))
    ]


setup(
    data_files=[("share/man/man1", sorted(str(page.relative_to(ROOT)) for page in (ROOT / "man").glob("*.1")))],
    ext_modules=cythonize(
        kernels(),
        build_dir="build/cython",
        include_path=["cext"],
        compiler_directives={"language_level": 3, "embedsignature": True},
        nthreads=os.cpu_count() or 1,
    ),
)
