//! Runs machine code instruction by instruction, as decoded by iced: so the code of AVX-512 is tested on machines
//! without it. Only what the assembler emits is known.

use std::hint::black_box;

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

/// The bits of a vector register, in words of 64 bits.
type Vector = [u64; 8];

struct Machine {
    general: [u64; 16],
    vectors: [Vector; 32],
    masks: [u64; 8],
    zero: bool,
    carry: bool,
    stack: Vec<u64>,
}

/// Calls a function with a table.
pub(super) fn call(code: &[u8], table: *const u64) {
    let mut machine = Machine {
        general: [0x5a5a_5a5a_5a5a_5a5a; 16],
        vectors: [[0x7f7f_7f7f_7f7f_7f7f; 8]; 32],
        masks: [0x5555; 8],
        zero: false,
        carry: false,
        stack: Vec::new(),
    };
    let before = machine.general;
    machine.general[Register::RDI.number()] = table.addr() as u64;
    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    loop {
        let instruction = decoder.decode();
        assert_ne!(instruction.code(), Code::INVALID, "at {}", decoder.position());
        if instruction.mnemonic() == Mnemonic::Ret {
            break;
        }
        if let Some(target) = machine.step(&instruction) {
            decoder.set_position(target as usize).expect("within the code");
            decoder.set_ip(target);
        }
    }
    assert!(machine.stack.is_empty(), "all that was pushed is popped");
    for register in [Register::RBX, Register::RBP, Register::R12, Register::R13, Register::R14, Register::R15]
    {
        let k = register.number();
        assert_eq!(machine.general[k], before[k], "{register:?} is the caller's");
    }
}

/// Changes each lane of 32 or 64 bits.
fn lanes(wide: bool, count: usize, f: impl Fn(usize) -> u64) -> Vector {
    let mut result = [0; 8];
    for lane in 0..count {
        if wide {
            result[lane] = f(lane);
        } else {
            result[lane / 2] |= (f(lane) & 0xffff_ffff) << (lane % 2 * 32);
        }
    }
    result
}

fn lane(vector: &Vector, wide: bool, k: usize) -> u64 {
    if wide { vector[k] } else { vector[k / 2] >> (k % 2 * 32) & 0xffff_ffff }
}

/// A function of floats on bits.
fn float(
    wide: bool,
    args: [u64; 3],
    single: fn(f32, f32, f32) -> f32,
    double: fn(f64, f64, f64) -> f64,
) -> u64 {
    if wide {
        let [a, b, c] = args.map(f64::from_bits);
        double(a, b, c).to_bits()
    } else {
        let [a, b, c] = args.map(|x| f32::from_bits(x as u32));
        single(a, b, c).to_bits().into()
    }
}

macro_rules! floats {
    ($wide:expr, $args:expr, |$a:pat_param, $b:pat_param, $c:pat_param| $result:expr) => {
        float($wide, $args, |$a, $b, $c| $result, |$a, $b, $c| $result)
    };
}

impl Machine {
    fn address(&self, instruction: &Instruction) -> u64 {
        let value =
            |register: Register| if register == Register::None { 0 } else { self.general[register.number()] };
        let index = value(instruction.memory_index()).wrapping_mul(instruction.memory_index_scale().into());
        let base = value(instruction.memory_base());
        base.wrapping_add(index).wrapping_add(instruction.memory_displacement64())
    }

    /// Reads bytes of memory.
    fn read(address: u64, bytes: usize) -> Vector {
        let mut vector = [0; 8];
        // SAFETY: the code under test keeps to its table, or this test fails.
        unsafe {
            let from = std::ptr::with_exposed_provenance::<u8>(address as usize);
            vector.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(from, bytes);
        }
        vector
    }

    fn write(address: u64, value: &Vector, bytes: usize) {
        // SAFETY: as above.
        unsafe {
            let to = std::ptr::with_exposed_provenance_mut::<u8>(address as usize);
            to.copy_from_nonoverlapping(value.as_ptr().cast(), bytes);
        }
    }

    fn general(&self, instruction: &Instruction, k: u32) -> u64 {
        match instruction.op_kind(k) {
            OpKind::Register => {
                let register = instruction.op_register(k);
                let value = self.general[register.full_register().number()];
                if register.is_gpr32() { value & 0xffff_ffff } else { value }
            }
            OpKind::Memory => Self::read(self.address(instruction), instruction.memory_size().size())[0],
            _ => instruction.immediate(k),
        }
    }

    fn set_general(&mut self, register: Register, value: u64) {
        let value = if register.is_gpr32() { value & 0xffff_ffff } else { value };
        self.general[register.full_register().number()] = value;
    }

    fn vector(&self, instruction: &Instruction, k: u32) -> Vector {
        match instruction.op_kind(k) {
            OpKind::Register => self.vectors[instruction.op_register(k).number()],
            _ => Self::read(self.address(instruction), instruction.memory_size().size()),
        }
    }

    /// Executes an instruction; where to jump.
    fn step(&mut self, i: &Instruction) -> Option<u64> {
        let taken = match i.mnemonic() {
            Mnemonic::Je => self.zero,
            Mnemonic::Jb => self.carry,
            Mnemonic::Jae => !self.carry,
            _ => {
                if !self.general_step(i) && !self.mask_step(i) {
                    self.vector_step(i);
                }
                false
            }
        };
        taken.then(|| i.near_branch_target())
    }

    fn general_step(&mut self, i: &Instruction) -> bool {
        let compare = |machine: &mut Self, a: u64, b: u64| {
            (machine.zero, machine.carry) = (a == b, a < b);
        };
        match i.mnemonic() {
            Mnemonic::Push => self.stack.push(self.general(i, 0)),
            Mnemonic::Pop => {
                let value = self.stack.pop().expect("pushed before");
                self.set_general(i.op0_register(), value);
            }
            Mnemonic::Mov if i.op0_kind() == OpKind::Memory => {
                Self::write(self.address(i), &[self.general(i, 1), 0, 0, 0, 0, 0, 0, 0], 8);
            }
            Mnemonic::Lea => self.set_general(i.op0_register(), self.address(i)),
            Mnemonic::Cmp => {
                let (a, b) = (self.general(i, 0), self.general(i, 1));
                compare(self, a, b);
            }
            Mnemonic::Test => self.zero = self.general(i, 0) & self.general(i, 1) == 0,
            Mnemonic::Bzhi => {
                let count = self.general(i, 2) & 0xff;
                let kept = if count < 32 { (1 << count) - 1 } else { u64::MAX };
                self.set_general(i.op0_register(), self.general(i, 1) & kept);
            }
            Mnemonic::Mov | Mnemonic::And | Mnemonic::Add | Mnemonic::Sub | Mnemonic::Xor | Mnemonic::Shr => {
                let (a, b) = (self.general(i, 0), self.general(i, 1));
                let value = match i.mnemonic() {
                    Mnemonic::Mov => b,
                    Mnemonic::And => a & b,
                    Mnemonic::Add => a.wrapping_add(b),
                    Mnemonic::Sub => a.wrapping_sub(b),
                    Mnemonic::Xor => a ^ b,
                    _ => a >> b,
                };
                self.set_general(i.op0_register(), value);
                if i.mnemonic() != Mnemonic::Mov {
                    self.zero = value == 0;
                }
            }
            Mnemonic::Vzeroupper => {}
            _ => return false,
        }
        true
    }

    fn mask_step(&mut self, i: &Instruction) -> bool {
        let mask = |k: u32| self.masks[i.op_register(k).number()];
        let value = match i.mnemonic() {
            Mnemonic::Kmovw if i.op0_kind() == OpKind::Memory => {
                Self::write(self.address(i), &[mask(1), 0, 0, 0, 0, 0, 0, 0], 2);
                return true;
            }
            Mnemonic::Kmovw => self.general(i, 1) & 0xffff,
            Mnemonic::Kandw => mask(1) & mask(2),
            Mnemonic::Korw => mask(1) | mask(2),
            Mnemonic::Kxorw => mask(1) ^ mask(2),
            Mnemonic::Knotw => !mask(1) & 0xffff,
            Mnemonic::Kortestw => {
                self.zero = (mask(0) | mask(1)) & 0xffff == 0;
                return true;
            }
            Mnemonic::Kortestb => {
                self.zero = (mask(0) | mask(1)) & 0xff == 0;
                return true;
            }
            _ => return false,
        };
        self.masks[i.op0_register().number()] = value;
        true
    }

    fn vector_step(&mut self, i: &Instruction) {
        let names = (0..i.op_count()).filter(|&k| i.op_kind(k) == OpKind::Register).map(|k| i.op_register(k));
        let bytes = names
            .map(|name| {
                if name.is_zmm() {
                    64
                } else if name.is_ymm() {
                    32
                } else {
                    0
                }
            })
            .max();
        let bytes = bytes.filter(|&bytes| bytes > 0).unwrap_or(16);
        let name = format!("{:?}", i.mnemonic()).to_lowercase();
        let wide = name.ends_with("pd")
            || name.ends_with('q') && !name.ends_with("2dq")
            || name == "vpmovq2m"
            || name == "vbroadcastsd";
        let count = bytes / if wide { 8 } else { 4 };
        let mask = (i.op_mask() != Register::None).then(|| self.masks[i.op_mask().number()]);
        match name.as_str() {
            "vmovups" | "vmovupd" if i.op0_kind() == OpKind::Memory => {
                let value = self.vectors[i.op1_register().number()];
                return self.store(i, &value, wide, count, |k| mask.is_none_or(|mask| mask >> k & 1 == 1));
            }
            "vmaskmovps" | "vmaskmovpd" => return self.masked_move(i, wide, count),
            "vpmovd2m" | "vpmovq2m" | "vmovmskps" | "vmovmskpd" => {
                let from = self.vector(i, 1);
                let bits =
                    (0..count).map(|k| (lane(&from, wide, k) >> if wide { 63 } else { 31 }) << k).sum();
                if i.op0_register().is_k() {
                    self.masks[i.op0_register().number()] = bits;
                } else {
                    self.set_general(i.op0_register(), bits);
                }
                return;
            }
            "vmovd" | "vmovq" => {
                let value = self.general(i, 1);
                self.vectors[i.op0_register().number()] = [value, 0, 0, 0, 0, 0, 0, 0];
                return;
            }
            _ => {}
        }
        // Where a masked load reads no lane, there may be no memory.
        let op = |k: u32| match (k < i.op_count(), mask) {
            (true, Some(mask)) if i.op_kind(k) == OpKind::Memory && name.starts_with("vmovup") => {
                let size = bytes / count;
                let address = self.address(i);
                lanes(wide, count, |k| {
                    if mask >> k & 1 == 1 { Self::read(address + (k * size) as u64, size)[0] } else { 0 }
                })
            }
            (true, _)
                if matches!(i.op_kind(k), OpKind::Register | OpKind::Memory) && !i.op_register(k).is_k() =>
            {
                self.vector(i, k)
            }
            _ => [0; 8],
        };
        let ops = [op(0), op(1), op(2), op(3)];
        let immediate =
            if i.op_kind(i.op_count() - 1) == OpKind::Immediate8 { u32::from(i.immediate8()) } else { 0 };
        let result = lanes(wide, count, |k| {
            let [a, b, c, d] = ops.map(|op| lane(&op, wide, k));
            let chosen =
                if i.op_count() == 4 { d >> if wide { 63 } else { 31 } } else { mask.unwrap_or(0) >> k & 1 };
            compute(&name, wide, [a, b, c], immediate, chosen == 1, ops[1][0])
        });
        if i.op0_register().is_k() {
            let bits = (0..count).map(|k| (lane(&result, wide, k) & 1) << k).sum();
            self.masks[i.op0_register().number()] = bits;
            return;
        }
        let merged = lanes(wide, count, |k| match mask {
            Some(mask) if mask >> k & 1 == 0 && !name.starts_with("vblendm") => {
                if i.zeroing_masking() {
                    0
                } else {
                    lane(&ops[0], wide, k)
                }
            }
            _ => lane(&result, wide, k),
        });
        self.vectors[i.op0_register().number()] = merged;
    }

    fn store(
        &self,
        i: &Instruction,
        value: &Vector,
        wide: bool,
        count: usize,
        there: impl Fn(usize) -> bool,
    ) {
        let size = if wide { 8 } else { 4 };
        for k in (0..count).filter(|&k| there(k)) {
            let bits = [lane(value, wide, k), 0, 0, 0, 0, 0, 0, 0];
            Self::write(self.address(i) + (k * size) as u64, &bits, size);
        }
    }

    fn masked_move(&mut self, i: &Instruction, wide: bool, count: usize) {
        let mask = self.vectors[i.op1_register().number()];
        let there = |k: usize| lane(&mask, wide, k) >> if wide { 63 } else { 31 } == 1;
        if i.op0_kind() == OpKind::Memory {
            let value = self.vectors[i.op2_register().number()];
            return self.store(i, &value, wide, count, there);
        }
        let (address, size) = (self.address(i), if wide { 8 } else { 4 });
        let read = |k: usize| if there(k) { Self::read(address + (k * size) as u64, size)[0] } else { 0 };
        self.vectors[i.op0_register().number()] = lanes(wide, count, read);
    }
}

/// One lane of an instruction on vectors. `first` is the lowest word of the second operand.
fn compute(name: &str, wide: bool, [a, b, c]: [u64; 3], immediate: u32, chosen: bool, first: u64) -> u64 {
    let (bits, all) = if wide { (64, u64::MAX) } else { (32, 0xffff_ffff) };
    let signed = |x: u64| if wide { x as i64 } else { i64::from(x as u32 as i32) };
    // "vaddps" is "add".
    let stem = name[1..].trim_end_matches("ps").trim_end_matches("pd");
    match stem {
        "add" => floats!(wide, [b, c, 0], |b, c, _| b + c),
        "sub" => floats!(wide, [b, c, 0], |b, c, _| b - c),
        "mul" => floats!(wide, [b, c, 0], |b, c, _| b * c),
        "div" => floats!(wide, [b, c, 0], |b, c, _| b / c),
        "min" => floats!(wide, [b, c, 0], |b, c, _| (if b < c { b } else { c }) * black_box(1.0)),
        "max" => floats!(wide, [b, c, 0], |b, c, _| (if b > c { b } else { c }) * black_box(1.0)),
        "sqrt" => floats!(wide, [b, 0, 0], |b, _, _| b.sqrt()),
        "fmadd213" => floats!(wide, [a, b, c], |a, b, c| b.mul_add(a, c)),
        "fmadd231" => floats!(wide, [a, b, c], |a, b, c| b.mul_add(c, a)),
        "fmadd132" => floats!(wide, [a, b, c], |a, b, c| a.mul_add(c, b)),
        "fmsub213" => floats!(wide, [a, b, c], |a, b, c| b.mul_add(a, -c)),
        "fmsub231" => floats!(wide, [a, b, c], |a, b, c| b.mul_add(c, -a)),
        "fmsub132" => floats!(wide, [a, b, c], |a, b, c| a.mul_add(c, -b)),
        "fnmadd213" => floats!(wide, [a, b, c], |a, b, c| (-b).mul_add(a, c)),
        "fnmadd231" => floats!(wide, [a, b, c], |a, b, c| (-b).mul_add(c, a)),
        "fnmadd132" => floats!(wide, [a, b, c], |a, b, c| (-a).mul_add(c, b)),
        "rndscale" | "round" => match immediate & 3 {
            0 => floats!(wide, [b, 0, 0], |b, _, _| b.round_ties_even()),
            1 => floats!(wide, [b, 0, 0], |b, _, _| b.floor()),
            _ => floats!(wide, [b, 0, 0], |b, _, _| b.trunc()),
        },
        "and" => b & c,
        "andn" => !b & c & all,
        "or" => b | c,
        "xor" => b ^ c,
        "cmp" => {
            let (x, y) = if wide {
                (f64::from_bits(b), f64::from_bits(c))
            } else {
                (f32::from_bits(b as u32).into(), f32::from_bits(c as u32).into())
            };
            compare(immediate, x, y) * all
        }
        "movu" => b,
        "blendm" | "blendv" => {
            if chosen {
                c
            } else {
                b
            }
        }
        "paddd" | "paddq" => b.wrapping_add(c) & all,
        "psubd" | "psubq" => b.wrapping_sub(c) & all,
        "pslld" | "psllq" => b << immediate & all,
        "psrld" | "psrlq" => b >> immediate,
        "psrad" | "psraq" => (signed(b) >> immediate) as u64 & all,
        "cvtdq2" => (signed(b) as f32).to_bits().into(),
        "cvtqq2" => (b as i64 as f64).to_bits(),
        "cvttps2dq" => {
            let x = f32::from_bits(b as u32);
            u64::from(if x.abs() < 2_147_483_648.0 { x as i32 as u32 } else { 1 << 31 })
        }
        "pmuludq" => (b & 0xffff_ffff) * (c & 0xffff_ffff),
        "pmulld" => b.wrapping_mul(c) & all,
        "pbroadcastd" | "pbroadcastq" | "broadcastss" | "broadcastsd" => first & all,
        _ => panic!("{name} is not known ({bits} bits)"),
    }
}

fn compare(how: u32, x: f64, y: f64) -> u64 {
    u64::from(match how {
        0x00 => x == y,
        0x04 => x != y,
        0x11 => x < y,
        0x12 => x <= y,
        0x1d => x >= y,
        0x1e => x > y,
        _ => panic!("comparison {how}"),
    })
}
