//! Compiles the Python module (csrc/*.cc) together with nanobind's own sources.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What the build needs to know of the interpreter: one line each.
const PROBE: &str = "\
import sys, sysconfig
try:
    import nanobind
except ImportError:
    sys.exit('nanobind is missing from ' + sys.executable + ': pip install nanobind')
print(nanobind.source_dir())
print(nanobind.include_dir())
print(sysconfig.get_path('include'))
print(sysconfig.get_config_var('MULTIARCH') or '')
";

/// The interpreter that maturin builds for; without maturin, the one on the path.
fn interpreter() -> String {
    env::var("PYO3_PYTHON")
        .or_else(|_| env::var("PYTHON_SYS_EXECUTABLE"))
        .unwrap_or_else(|_| "python3".into())
}

fn probe(python: &str) -> [PathBuf; 4] {
    let output = Command::new(python)
        .args(["-c", PROBE])
        .output()
        .unwrap_or_else(|error| panic!("cannot run the Python interpreter '{python}': {error}"));
    assert!(output.status.success(), "{python}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("paths in UTF-8");
    let paths: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
    paths.try_into().expect("four lines")
}

/// A folder for `#include <x86_64-linux-gnu/python3.11/pyconfig.h>`, which is what Debian's headers of
/// Python do. A compiler for another glibc, such as zig, does not look into /usr/include.
fn debian_headers(python_include: &Path, multiarch: &Path) -> Option<PathBuf> {
    let root = python_include.parent()?;
    let headers = root.join(multiarch).join(python_include.file_name()?);
    if multiarch.as_os_str().is_empty() || !headers.join("pyconfig.h").exists() {
        return None;
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("debian");
    let copy = folder.join(headers.strip_prefix(root).expect("joined to it"));
    fs::create_dir_all(&copy).expect("OUT_DIR is writable");
    fs::copy(headers.join("pyconfig.h"), copy.join("pyconfig.h")).expect("readable");
    Some(folder)
}

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("../..");
    let csrc = root.join("csrc");
    for variable in ["PYO3_PYTHON", "PYTHON_SYS_EXECUTABLE"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    for entry in fs::read_dir(&csrc).expect("csrc/ lies beside rust/") {
        let path = entry.expect("readable").path();
        if path.is_file() {
            println!("cargo:rerun-if-changed={}", path.display()); // csrc/cuda is not compiled here
        }
    }

    let [source, include, python_include, multiarch] = probe(&interpreter());
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .include(&csrc)
        // Warnings in code that is not ours would only hide those in code that is.
        .flag(format!("-isystem{}", include.display()))
        .flag(format!("-isystem{}", source.join("../ext/robin_map/include").display()))
        .flag(format!("-isystem{}", python_include.display()))
        .flags(
            debian_headers(&python_include, &multiarch).map(|folder| format!("-isystem{}", folder.display())),
        )
        .flags(["-fvisibility=hidden", "-fno-strict-aliasing", "-ffunction-sections", "-fdata-sections"])
        .define("NDEBUG", None)
        .define("NB_COMPACT_ASSERTIONS", None)
        // Types are not shared with other nanobind modules in the process (jaxlib is one).
        .define("NB_DOMAIN", "spikeloop");
    if env::var_os("CARGO_FEATURE_ABI3").is_some() {
        build.define("Py_LIMITED_API", "0x030C0000");
        // nanobind writes to stderr, which the limited Python.h and libc++ do not declare.
        build.flags(["-include", "cstdio"]);
    }
    build.files(["module.cc", "connect.cc", "program.cc"].map(|name| csrc.join(name)));
    build.file(source.join("nb_combined.cpp")).compile("spikeloop_module");
}
