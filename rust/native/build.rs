//! Compiles the Python module (csrc/*.cc) together with nanobind's own sources.

use std::path::PathBuf;
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
";

/// The interpreter that maturin builds for; without maturin, the one on the path.
fn interpreter() -> String {
    env::var("PYO3_PYTHON")
        .or_else(|_| env::var("PYTHON_SYS_EXECUTABLE"))
        .unwrap_or_else(|_| "python3".into())
}

fn probe(python: &str) -> [PathBuf; 3] {
    let output = Command::new(python)
        .args(["-c", PROBE])
        .output()
        .unwrap_or_else(|error| panic!("cannot run the Python interpreter '{python}': {error}"));
    assert!(output.status.success(), "{python}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("paths in UTF-8");
    let paths: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
    paths.try_into().expect("three lines")
}

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("../..");
    let csrc = root.join("csrc");
    for variable in ["PYO3_PYTHON", "PYTHON_SYS_EXECUTABLE"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    for entry in fs::read_dir(&csrc).expect("csrc/ lies beside rust/") {
        println!("cargo:rerun-if-changed={}", entry.expect("readable").path().display());
    }

    let [source, include, python_include] = probe(&interpreter());
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .include(&csrc)
        // Warnings in code that is not ours would only hide those in code that is.
        .flag(format!("-isystem{}", include.display()))
        .flag(format!("-isystem{}", source.join("../ext/robin_map/include").display()))
        .flag(format!("-isystem{}", python_include.display()))
        .flags(["-fvisibility=hidden", "-fno-strict-aliasing", "-ffunction-sections", "-fdata-sections"])
        .define("NDEBUG", None)
        .define("NB_COMPACT_ASSERTIONS", None)
        // Types are not shared with other nanobind modules in the process (jaxlib is one).
        .define("NB_DOMAIN", "spikeloop");
    if env::var_os("CARGO_FEATURE_ABI3").is_some() {
        build.define("Py_LIMITED_API", "0x030C0000");
    }
    build.files(["module.cc", "connect.cc", "program.cc"].map(|name| csrc.join(name)));
    build.file(source.join("nb_combined.cpp")).compile("spikeloop_module");
}
