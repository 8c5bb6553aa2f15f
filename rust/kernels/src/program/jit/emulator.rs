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
        match i.mnemonic() {
            Mnemonic::Push => self.stack.push(self.general(i, 0)),
            Mnemonic::Pop => {
                let value = self.stack.pop().expect("pushed before");
                self.set_general(i.op0_register(), value);
            }
            Mnemonic::Mov if i.op0_kind() == OpKind::Memory => {
                let size = i.memory_size().size();
                Self::write(self.address(i), &[self.general(i, 1), 0, 0, 0, 0, 0, 0, 0], size);
            }
            Mnemonic::Lea => self.set_general(i.op0_register(), self.address(i)),
            Mnemonic::Cmp => {
                let (a, b) = (self.general(i, 0), self.general(i, 1));
                (self.zero, self.carry) = (a == b, a < b);
            }
            Mnemonic::Test => self.zero = self.general(i, 0) & self.general(i, 1) == 0,
            Mnemonic::Bzhi => {
                let count = self.general(i, 2) & 0xff;
                let kept = if count < 32 { (1 << count) - 1 } else { u64::MAX };
                self.set_general(i.op0_register(), self.general(i, 1) & kept);
            }
            Mnemonic::Vzeroupper => {}
            _ => return self.arithmetic_step(i),
        }
        true
    }

    fn arithmetic_step(&mut self, i: &Instruction) -> bool {
        if i.op_count() != 2 || !i.op0_register().is_gpr() {
            return false;
        }
        let (a, b) = (self.general(i, 0), self.general(i, 1));
        let value = match i.mnemonic() {
            Mnemonic::Mov | Mnemonic::Movzx => b,
            Mnemonic::And => a & b,
            Mnemonic::Add => a.wrapping_add(b),
            Mnemonic::Sub => a.wrapping_sub(b),
            Mnemonic::Xor => a ^ b,
            Mnemonic::Shr => a >> b,
            _ => return false,
        };
        self.set_general(i.op0_register(), value);
        if !matches!(i.mnemonic(), Mnemonic::Mov | Mnemonic::Movzx) {
            self.zero = value == 0;
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
        let shape = Shape::of(i);
        let mask = (i.op_mask() != Register::None).then(|| self.masks[i.op_mask().number()]);
        match shape.name.as_str() {
            "vmovups" | "vmovupd" if i.op0_kind() == OpKind::Memory => {
                let value = self.vectors[i.op1_register().number()];
                self.store(i, &value, &shape, |k| mask.is_none_or(|mask| mask >> k & 1 == 1));
            }
            "vmovups" | "vmovupd" if i.op1_kind() == OpKind::Memory && mask.is_some() => {
                let there = |k: usize| mask.is_none_or(|mask| mask >> k & 1 == 1);
                assert!(i.zeroing_masking(), "as it is emitted");
                self.vectors[i.op0_register().number()] = self.load(i, &shape, there);
            }
            "vmaskmovps" | "vmaskmovpd" => {
                let mask = self.vectors[i.op1_register().number()];
                let there = |k: usize| shape.sign(element(&mask, shape.wide, k));
                if i.op0_kind() == OpKind::Memory {
                    let value = self.vectors[i.op2_register().number()];
                    self.store(i, &value, &shape, there);
                } else {
                    self.vectors[i.op0_register().number()] = self.load(i, &shape, there);
                }
            }
            "vmovmskps" | "vmovmskpd" => {
                let from = self.vector(i, 1);
                let sign = |k: usize| u64::from(shape.sign(element(&from, shape.wide, k)));
                self.set_general(i.op0_register(), (0..shape.count).map(|k| sign(k) << k).sum());
            }
            "vpbroadcastb" => {
                let byte = Self::read(self.address(i), 1)[0];
                self.vectors[i.op0_register().number()] = lanes(false, 8, |_| byte * 0x0101_0101);
            }
            "vmovd" | "vmovq" => {
                let value = self.general(i, 1);
                self.vectors[i.op0_register().number()] = [value, 0, 0, 0, 0, 0, 0, 0];
            }
            _ => self.lanes_step(i, &shape, mask),
        }
    }

    /// An instruction that does the same to all lanes.
    fn lanes_step(&mut self, i: &Instruction, shape: &Shape, mask: Option<u64>) {
        let is_vector = |k: u32| match i.op_kind(k) {
            OpKind::Register => !i.op_register(k).is_k(),
            kind => kind == OpKind::Memory,
        };
        let op = |k: u32| if k < i.op_count() && is_vector(k) { self.vector(i, k) } else { [0; 8] };
        let ops = [op(0), op(1), op(2), op(3)];
        let numbered = i.op_kind(i.op_count() - 1) == OpKind::Immediate8;
        let immediate = if numbered { u32::from(i.immediate8()) } else { 0 };
        let in_mask = |k: usize| mask.is_some_and(|mask| mask >> k & 1 == 1);
        let result = lanes(shape.wide, shape.count, |k| {
            let [a, b, c, d] = ops.map(|op| element(&op, shape.wide, k));
            let chosen = if i.op_count() == 4 { shape.sign(d) } else { in_mask(k) };
            lane::compute(&shape.name, shape.wide, [a, b, c], immediate, chosen, ops[1][0])
        });
        if i.op0_register().is_k() {
            let bits = (0..shape.count).map(|k| (element(&result, shape.wide, k) & 1) << k).sum();
            self.masks[i.op0_register().number()] = bits;
            return;
        }
        let keeps = |k: usize| mask.is_some() && !in_mask(k) && !shape.name.starts_with("vblendm");
        self.vectors[i.op0_register().number()] = lanes(shape.wide, shape.count, |k| match keeps(k) {
            true if i.zeroing_masking() => 0,
            true => element(&ops[0], shape.wide, k),
            false => element(&result, shape.wide, k),
        });
    }

    fn store(&self, i: &Instruction, value: &Vector, shape: &Shape, there: impl Fn(usize) -> bool) {
        let size = shape.size();
        for k in (0..shape.count).filter(|&k| there(k)) {
            let bits = [element(value, shape.wide, k), 0, 0, 0, 0, 0, 0, 0];
            Self::write(self.address(i) + (k * size) as u64, &bits, size);
        }
    }

    /// Reads the lanes that are there: of the others there may be no memory.
    fn load(&self, i: &Instruction, shape: &Shape, there: impl Fn(usize) -> bool) -> Vector {
        let (address, size) = (self.address(i), shape.size());
        let read = |k: usize| if there(k) { Self::read(address + (k * size) as u64, size)[0] } else { 0 };
        lanes(shape.wide, shape.count, read)
    }
}

/// The lanes of an instruction on vectors.
struct Shape {
    name: String,
    /// Of 64 bits.
    wide: bool,
    count: usize,
}

impl Shape {
    fn of(i: &Instruction) -> Self {
        let registers = (0..i.op_count()).filter(|&k| i.op_kind(k) == OpKind::Register);
        let bytes = registers.map(|k| match i.op_register(k) {
            register if register.is_zmm() => 64,
            register if register.is_ymm() => 32,
            _ => 16,
        });
        let name = format!("{:?}", i.mnemonic()).to_lowercase();
        let wide =
            name.ends_with("pd") || name.ends_with('q') && !name.ends_with("2dq") || name == "vbroadcastsd";
        let count = bytes.max().unwrap_or(16) / if wide { 8 } else { 4 };
        Self { name, wide, count }
    }

    /// Bytes of a lane.
    fn size(&self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    fn sign(&self, bits: u64) -> bool {
        bits >> (8 * self.size() - 1) & 1 == 1
    }
}
