//! Finds the CUDA kernels to embed: the fat binary that `SPIKELOOP_FATBIN` names, which `make cuda` compiles. Without
//! it the library is as good on CPUs, and says that it has no kernels for GPUs.

use std::path::PathBuf;
use std::{env, fs};

/// What stands in the place of a fat binary.
const NONE: &[u8] = b"no kernels\0";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SPIKELOOP_FATBIN");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("kernels.fatbin");
    let Some(given) = env::var_os("SPIKELOOP_FATBIN").filter(|name| !name.is_empty()).map(PathBuf::from)
    else {
        fs::write(out, NONE).expect("OUT_DIR is writable");
        println!("cargo:rustc-env=SPIKELOOP_CUDA_TARGETS=");
        return;
    };
    let targets = given.with_extension("targets");
    for file in [&given, &targets] {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    fs::copy(&given, out).unwrap_or_else(|error| panic!("{}: {error}", given.display()));
    let targets =
        fs::read_to_string(&targets).unwrap_or_else(|error| panic!("{}: {error}", targets.display()));
    println!("cargo:rustc-env=SPIKELOOP_CUDA_TARGETS={}", targets.trim());
}
