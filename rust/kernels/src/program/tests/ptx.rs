//! PTX gives the bits of the interpreter, where an interpreter of PTX in C++ stands in for the GPU.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use super::case::{Case, Results, entry};
use super::random::{Random, case, program};
use crate::program::element::Element;
use crate::program::ptx::{THREADS, Variant, launches, scratch, text};
use crate::program::{Call, Level, Op, Program, table};
use crate::threads::flushing;

/// Programs of a usual test; `SPIKELOOP_FUZZ` sets another number.
const USUAL: u64 = 400;

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

type Parse = unsafe extern "C" fn(*const c_char, *mut c_char, usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type Run = unsafe extern "C" fn(
    *mut c_void,
    *const c_char,
    *const c_uint,
    c_uint,
    *const c_void,
    usize,
    *mut c_char,
    usize,
) -> bool;

/// The interpreter of csrc/cuda/emu.
struct Emulator {
    parse: Parse,
    free: Free,
    run: Run,
}

static EMULATOR: LazyLock<Emulator> = LazyLock::new(Emulator::open);

fn library() -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../csrc/cuda/emu");
    let to = std::env::current_exe().expect("known").with_extension("ptx.so");
    let files = ["ptx_parse.cc", "ptx_mnemonics.cc", "ptx_run.cc", "ptx_test.cc"];
    let flags = ["-std=c++17", "-O2", "-ffp-contract=off", "-fPIC", "-shared"];
    let mut command = Command::new(std::env::var("CXX").unwrap_or_else(|_| "c++".into()));
    command.args(flags).args(files.map(|name| sources.join(name))).arg("-o").arg(&to);
    if cfg!(target_arch = "x86_64") {
        command.args(["-mfma", "-msse4.1"]); // for speed alone
    }
    assert!(command.status().expect("there is a compiler of C++").success());
    to
}

impl Emulator {
    fn open() -> Self {
        let name = CString::new(library().into_os_string().into_encoded_bytes()).expect("a path");
        // SAFETY: the names end with NUL, and the functions have these types.
        unsafe {
            let library = dlopen(name.as_ptr(), 2);
            assert!(!library.is_null(), "{name:?} cannot be opened");
            let find = |name: &CStr| dlsym(library, name.as_ptr());
            Self {
                parse: std::mem::transmute::<*mut c_void, Parse>(find(c"ptx_parse")),
                free: std::mem::transmute::<*mut c_void, Free>(find(c"ptx_free")),
                run: std::mem::transmute::<*mut c_void, Run>(find(c"ptx_run")),
            }
        }
    }

    /// The launches of a call, as the handler does them.
    fn launch<T: Element>(&self, program: &Program, call: &Call<'_>) -> Result<(), String> {
        let text = CString::new(text(program, &Variant::of(call))).expect("no NUL");
        let mut memory = vec![T::ONE; scratch(program, call.shape)];
        let mut error = [0 as c_char; 512];
        // SAFETY: the kernels keep to the operands of the call and the scratch memory.
        unsafe {
            let module = (self.parse)(text.as_ptr(), error.as_mut_ptr(), error.len());
            let mut ran = !module.is_null();
            for launch in launches(call, memory.as_mut_ptr().addr() as u64) {
                let (grid, params) = (launch.grid.as_ptr(), launch.params.as_ptr().cast());
                let (size, name) = (launch.params.len() * 8, launch.name.as_ptr());
                ran = ran
                    && (self.run)(module, name, grid, THREADS, params, size, error.as_mut_ptr(), error.len());
            }
            (self.free)(module);
            let message = CStr::from_ptr(error.as_ptr()).to_string_lossy().into_owned();
            if ran { Ok(()) } else { Err(message) }
        }
    }
}

/// Runs a case as PTX and by the interpreter. Doubles are not flushed in PTX, so they are not here either.
fn compare<T: Element>(case: &Case, program: &Program, label: &str) -> Results<T> {
    let mut expected = None;
    let entry = table::unlisted(program.clone());
    let mut run = || expected = Some(case.run_at::<T>(&entry, Level::Interpreter));
    if program.double() {
        run();
    } else {
        flushing(run);
    }
    let expected = expected.expect("it ran");
    let given = case.run_by::<T>(program, |call| {
        if let Err(why) = EMULATOR.launch::<T>(program, call) {
            panic!("{label}: {why}\n{program}\n{}", text(program, &Variant::of(call)));
        }
    });
    assert_eq!(given.bits(), expected.bits(), "{label}, {:?}\n{program}", case.shape);
    given
}

#[test]
fn ptx_and_interpreter_agree() {
    let count = std::env::var("SPIKELOOP_FUZZ").map_or(USUAL, |text| text.parse().expect("a number"));
    let (mut guarded, mut numbers) = (0, 0);
    for seed in 0..count {
        let mut random = Random(seed);
        let double = random.one_in(2);
        let most = if random.one_in(4) { 300 } else { 60 };
        let len = 10 + random.below(most);
        let program = program(&mut random, double, len);
        guarded += usize::from(program.values().iter().any(|value| value.op == Op::Guard));
        for _ in 0..2 {
            let case = case(&mut random, &program);
            let label = format!("seed {seed}");
            numbers += if program.double() {
                finite(&compare::<f64>(&case, &program, &label))
            } else {
                finite(&compare::<f32>(&case, &program, &label))
            };
        }
    }
    assert!(
        guarded * 4 > count as usize && numbers > 100,
        "{guarded} programs with guards, {numbers} numbers"
    );
}

fn finite<T: Element>(results: &Results<T>) -> usize {
    results.outs.iter().flatten().filter(|x| x.to_f64().is_finite() && x.to_f64() != 0.0).count()
}

#[test]
fn sums_of_many_lanes_and_many_sums_are_those_of_the_cpu() {
    use super::case::Operand;
    use crate::program::Layout;
    use crate::shape::Shape;
    let sums = (0..40).map(|k| ["sum 2\n", "sum 3\n", "sum 4\n"][k % 3]).collect::<String>();
    let text = format!(
        "program f32 inputs 2\n0 = in 0\n1 = in 1\n2 = sqrt 0\n3 = fma 0 1 2\n4 = mul 3 3\nout 3 alias 0\n{sums}"
    );
    for shape in [Shape { batch: 1, n: 300_000 }, Shape { batch: 3, n: 10_007 }, Shape { batch: 2, n: 0 }] {
        let values: Vec<f32> = (0..shape.len()).map(|k| (k as f32 * 0.7).sin().abs() * 1e3).collect();
        let operands =
            vec![Operand::new(Layout::Full, &values), Operand::new(Layout::Neuron, &vec![0.3_f32; shape.n])];
        let case = Case { shape, operands, sums: (0..40).map(|k| k % 2 == 1).collect() };
        compare::<f32>(&case, entry(&text).program(), "sums");
    }
}
