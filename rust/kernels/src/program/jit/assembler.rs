//! Machine code in the making: bytes, jumps, constants.

use iced_x86::{Code, Encoder, IcedError, Instruction, MemoryOperand, Register};

/// A jump whose target is not known yet.
#[must_use]
#[derive(Clone, Copy)]
pub(super) struct Jump(usize);

/// A line of constants: sixteen lanes of 32 bits or eight of 64.
pub(super) type Line = [u64; 8];

/// Bytes of a line.
pub(super) const LINE: usize = 64;

/// The general registers and what they hold.
pub(super) mod general {
    use iced_x86::Register;
    /// What the caller hands over, see `Frame`.
    pub(crate) const FRAME: Register = Register::RDI;
    /// Bytes from the first lane to the present ones.
    pub(crate) const OFFSET: Register = Register::RAX;
    /// Bytes of all lanes; where lanes are masked, the address of the mask.
    pub(crate) const END: Register = Register::RSI;
    /// The operands that are the same for all lanes, one word of 64 bits each.
    pub(crate) const UNIFORMS: Register = Register::RDX;
    /// The constants.
    pub(crate) const CONSTANTS: Register = Register::RCX;
    /// The caller's memory for sums and for values that have no register.
    pub(crate) const SCRATCH: Register = Register::R8;
    /// Nothing for long.
    pub(crate) const TEMPORARY: Register = Register::R11;
    /// The addresses of operands and results, as many as there are registers.
    pub(crate) const PORTS: [Register; 8] = [
        Register::R9,
        Register::R10,
        Register::RBX,
        Register::RBP,
        Register::R12,
        Register::R13,
        Register::R14,
        Register::R15,
    ];
    /// Those of them that belong to the caller.
    pub(crate) const CALLERS: usize = 2;
}

pub(super) struct Assembler {
    encoder: Encoder,
    /// Bytes so far.
    pub(super) len: usize,
    constants: Vec<Line>,
    /// Where to write the distances of jumps: the place, and the target.
    distances: Vec<(usize, usize)>,
}

impl Assembler {
    /// Code that begins with these constants.
    pub(super) fn new(constants: &[Line]) -> Self {
        Self { encoder: Encoder::new(64), len: 0, constants: constants.to_vec(), distances: Vec::new() }
    }

    pub(super) fn put(&mut self, instruction: &Instruction) -> Result<(), IcedError> {
        self.len += self.encoder.encode(instruction, self.len as u64)?;
        Ok(())
    }

    /// The code, with all jumps, and the constants.
    pub(super) fn finish(mut self) -> (Vec<u8>, Vec<Line>) {
        let mut bytes = self.encoder.take_buffer();
        for (place, target) in self.distances {
            let distance = target as i64 - (place as i64 + 4);
            bytes[place..place + 4].copy_from_slice(&(distance as i32).to_le_bytes());
        }
        (bytes, self.constants)
    }

    /// A jump forward.
    pub(super) fn jump(&mut self, code: Code) -> Result<Jump, IcedError> {
        // A target far away, so that there is room for any distance.
        self.put(&Instruction::with_branch(code, 1 << 30)?)?;
        Ok(Jump(self.len - 4))
    }

    /// Here a jump ends.
    pub(super) fn land(&mut self, jump: Jump) {
        self.distances.push((jump.0, self.len));
    }

    /// A jump back to a place.
    pub(super) fn jump_back(&mut self, code: Code, target: usize) -> Result<(), IcedError> {
        self.put(&Instruction::with_branch(code, 1 << 30)?)?;
        self.distances.push((self.len - 4, target));
        Ok(())
    }

    /// A line of constants.
    pub(super) fn constant(&mut self, line: Line) -> MemoryOperand {
        let known = self.constants.iter().position(|&old| old == line);
        let k = known.unwrap_or_else(|| {
            self.constants.push(line);
            self.constants.len() - 1
        });
        at(general::CONSTANTS, k * LINE)
    }
}

/// Memory at a distance from an address.
pub(super) fn at(base: Register, distance: usize) -> MemoryOperand {
    MemoryOperand::with_base_displ(base, distance as i64)
}

/// The same bits in all lanes of a line.
pub(super) fn splat(bits: u64, double: bool) -> Line {
    [if double { bits } else { bits << 32 | bits & 0xffff_ffff }; 8]
}
