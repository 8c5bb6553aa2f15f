//! A part of a program: what is the same for all lanes of a row, or what each lane computes.

use super::super::Layout;
use super::super::ir::{Id, Program};
use super::super::op::{Op, Type};
use super::super::variant::{needed, uniform};
use super::instruction::{self, Lines, Width, name};
use super::{Variant, draw};

/// A program whose values are sorted.
pub(super) struct Sorted<'a> {
    pub(super) program: &'a Program,
    pub(super) width: Width,
    layouts: &'a [Layout],
    needed: Vec<bool>,
    uniform: Vec<bool>,
}

/// Which values belong to a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// Those that are the same for all lanes of a row.
    Once,
    /// The others.
    Each,
}

impl<'a> Sorted<'a> {
    pub(super) fn new(program: &'a Program, variant: &'a Variant) -> Self {
        let layouts = &variant.layouts;
        let same: Vec<bool> =
            layouts.iter().map(|layout| matches!(layout, Layout::Uniform | Layout::Row)).collect();
        let (needed, uniform) = (needed(program), uniform(program, &same));
        Self { program, width: Width::of(program), layouts, needed, uniform }
    }

    /// The declarations of registers for values.
    pub(super) fn registers(&self) -> String {
        let (bits, count) = (self.width.bits, self.program.values().len());
        let declare = |(ty, kind, letter): (Type, &str, char)| {
            let used = self.program.values().iter().any(|value| value.ty == ty);
            if used { format!("    .reg .{kind} %{letter}<{count}>;\n") } else { String::new() }
        };
        let types = [
            (Type::Float, bits, 'f'),
            (Type::Int, bits, 'i'),
            (Type::Word, "b32", 'w'),
            (Type::Pred, "pred", 'p'),
        ];
        let draws = self.program.values().iter().any(|value| value.op == Op::Draw);
        let words = if draws { draw::REGISTERS } else { "" };
        types.into_iter().map(declare).collect::<String>() + &instruction::temporaries(self.width) + words
    }

    /// The name of a value.
    pub(super) fn name(&self, id: Id) -> String {
        name(self.program, id)
    }

    fn ids(&self, section: Section) -> impl Iterator<Item = Id> {
        let is_once = section == Section::Once;
        (0..self.needed.len()).filter(move |&id| self.needed[id] && self.uniform[id] == is_once)
    }

    /// The instructions of a section.
    pub(super) fn write(&self, section: Section) -> Lines {
        let mut lines = Lines::default();
        // Operands are read before any branch, and before a result is written that shares memory with one.
        self.ids(section).for_each(|id| self.read(id, &mut lines));
        let mut closed = 0;
        for id in self.ids(section) {
            let (value, region) = (&self.program.values()[id], self.region(id));
            let ends = if region == 0 { Vec::new() } else { self.ends(section, region) };
            match value.op {
                Op::Guard if self.first(section, region) == id && !ends.is_empty() => {
                    self.open(section, region, &ends, &mut lines);
                }
                Op::EndGuard if self.is_open(section, region) => {
                    if closed != region {
                        closed = region;
                        self.close(section, region, &ends, &mut lines);
                    }
                }
                Op::UniformIn | Op::In | Op::WordIn => {}
                Op::Draw => self.draw(id, &mut lines),
                _ => instruction::write(self.program, id, &mut lines),
            }
        }
        lines
    }

    /// The guarded region of a guard or its end, of others 0.
    fn region(&self, id: Id) -> usize {
        let value = &self.program.values()[id];
        match value.op {
            Op::Guard => self.program.region(id),
            Op::EndGuard => self.program.region(value.args[0]),
            _ => 0,
        }
    }

    /// The first guard of a region in a section, or no value's number.
    fn first(&self, section: Section, region: usize) -> Id {
        let is_guard = |&id: &Id| self.program.values()[id].op == Op::Guard && self.region(id) == region;
        self.ids(section).find(is_guard).unwrap_or(Id::MAX)
    }

    /// The ends of a region's guards in a section.
    fn ends(&self, section: Section, region: usize) -> Vec<Id> {
        let is_end = |&id: &Id| self.program.values()[id].op == Op::EndGuard && self.region(id) == region;
        self.ids(section).filter(is_end).collect()
    }

    /// Whether a region's instructions are skipped in a section where they can be. Where an operand makes only some of
    /// its values uniform, its guards may all be in the other section.
    fn is_open(&self, section: Section, region: usize) -> bool {
        self.first(section, region) != Id::MAX
    }

    fn label(section: Section, region: usize) -> String {
        format!("{}_{region}", if section == Section::Once { "once" } else { "each" })
    }

    /// Sets the ends to what they are outside of the region, and skips it where it is not needed.
    fn open(&self, section: Section, region: usize, ends: &[Id], lines: &mut Lines) {
        for &end in ends {
            let guard = self.program.values()[end].args[0];
            lines.add(format!("mov.{} {}, {}", self.width.float, self.name(end), self.name(guard)));
        }
        let condition = self.program.values()[self.first(section, region)].args[0];
        lines.add(format!("@!{} bra {}", self.name(condition), Self::label(section, region)));
    }

    fn close(&self, section: Section, region: usize, ends: &[Id], lines: &mut Lines) {
        for &end in ends {
            let exact = self.program.values()[end].args[2];
            lines.add(format!("mov.{} {}, {}", self.width.float, self.name(end), self.name(exact)));
        }
        lines.label(&Self::label(section, region));
    }

    fn draw(&self, id: Id, lines: &mut Lines) {
        let value = &self.program.values()[id];
        let words = [0, 1, 2].map(|k| self.name(value.args[k]));
        draw::write(self.width, &self.name(id), words, value.immediate, lines);
    }

    /// Reads an operand.
    fn read(&self, id: Id, lines: &mut Lines) {
        let value = &self.program.values()[id];
        let (to, operand) = (self.name(id), value.immediate as usize);
        match value.op {
            Op::WordIn => self.load(operand, "b32", 2, &to, lines),
            Op::UniformIn | Op::In => self.load(operand, self.width.float, self.width.shift, &to, lines),
            _ => {}
        }
    }

    fn load(&self, operand: usize, kind: &str, shift: u32, to: &str, lines: &mut Lines) {
        address(&format!("in{operand}"), lines);
        match self.layouts[operand] {
            Layout::Uniform => {}
            Layout::Row => {
                lines.add(format!("shl.b64 %offset, %row, {shift}"));
                lines.add("add.u64 %address, %address, %offset");
            }
            Layout::Neuron => lines.add("add.u64 %address, %address, %neuron"),
            Layout::Full => lines.add("add.u64 %address, %address, %full"),
        }
        lines.add(format!("ld.global.{kind} {to}, [%address]"));
    }

    /// Writes the results of a lane.
    pub(super) fn store(&self, lines: &mut Lines) {
        let float = self.width.float;
        for (k, out) in self.program.outs().iter().enumerate() {
            lines.add(format!("mov.{float} %t, {}", self.name(out.value)));
            address(&format!("out{k}"), lines);
            lines.add("add.u64 %address, %address, %full");
            lines.add(format!("st.global.{float} [%address], %t"));
        }
    }
}

/// Puts the address that a parameter is into `%address`.
pub(super) fn address(parameter: &str, lines: &mut Lines) {
    lines.add(format!("ld.param.u64 %address, [{parameter}]"));
    lines.add("cvta.to.global.u64 %address, %address");
}
