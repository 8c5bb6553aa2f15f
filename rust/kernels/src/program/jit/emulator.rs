//! Runs machine code instruction by instruction, as decoded by iced: so the code of AVX-512 is tested on machines
//! without it. Only what the assembler emits is known.

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

mod lane;

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

/// A lane of a vector.
fn element(vector: &Vector, wide: bool, k: usize) -> u64 {
    if wide { vector[k] } else { vector[k / 2] >> (k % 2 * 32) & 0xffff_ffff }
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
                self.zero = (mask(0) | mask(1)) as u16 == 0;
                return true;
            }
            Mnemonic::Kortestb => {
                self.zero = (mask(0) | mask(1)) as u8 == 0;
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
                    (0..count).map(|k| (element(&from, wide, k) >> if wide { 63 } else { 31 }) << k).sum();
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
            let [a, b, c, d] = ops.map(|op| element(&op, wide, k));
            let chosen =
                if i.op_count() == 4 { d >> if wide { 63 } else { 31 } } else { mask.unwrap_or(0) >> k & 1 };
            lane::compute(&name, wide, [a, b, c], immediate, chosen == 1, ops[1][0])
        });
        if i.op0_register().is_k() {
            let bits = (0..count).map(|k| (element(&result, wide, k) & 1) << k).sum();
            self.masks[i.op0_register().number()] = bits;
            return;
        }
        let merged = lanes(wide, count, |k| match mask {
            Some(mask) if mask >> k & 1 == 0 && !name.starts_with("vblendm") => {
                if i.zeroing_masking() {
                    0
                } else {
                    element(&ops[0], wide, k)
                }
            }
            _ => element(&result, wide, k),
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
            let bits = [element(value, wide, k), 0, 0, 0, 0, 0, 0, 0];
            Self::write(self.address(i) + (k * size) as u64, &bits, size);
        }
    }

    fn masked_move(&mut self, i: &Instruction, wide: bool, count: usize) {
        let mask = self.vectors[i.op1_register().number()];
        let there = |k: usize| element(&mask, wide, k) >> if wide { 63 } else { 31 } == 1;
        if i.op0_kind() == OpKind::Memory {
            let value = self.vectors[i.op2_register().number()];
            return self.store(i, &value, wide, count, there);
        }
        let (address, size) = (self.address(i), if wide { 8 } else { 4 });
        let read = |k: usize| if there(k) { Self::read(address + (k * size) as u64, size)[0] } else { 0 };
        self.vectors[i.op0_register().number()] = lanes(wide, count, read);
    }
}
