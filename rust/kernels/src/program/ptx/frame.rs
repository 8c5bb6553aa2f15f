//! The loops around the lanes of a kernel.

use std::ffi::CStr;

use super::super::Program;
use super::instruction::Lines;
use super::section::{Section, Sorted};
use super::{STEP, THREADS, Variant, sums};

/// Registers for addresses and loops.
const REGISTERS: &str = "    .reg .b32 %x, %y;\n    .reg .b64 %n, %rows, %row, %thread, %i, %stride, %lane;\n    \
                         .reg .b64 %neuron, %full, %address, %offset;\n";

/// A kernel: its name, parameters and text. It may have all registers: the assembler would rather spill some to have
/// more blocks on a processor at a time.
pub(super) fn kernel(name: &CStr, parameters: &[String], declarations: &str, body: &Lines) -> String {
    let parameters: Vec<String> = parameters.iter().map(|name| format!("    .param .u64 {name}")).collect();
    let name = name.to_string_lossy();
    format!(
        ".visible .entry {name}(\n{}\n)\n.maxntid {THREADS}, 1, 1\n.minnctapersm 1\n{{\n{REGISTERS}{declarations}{}}}\n",
        parameters.join(",\n"),
        body.text()
    )
}

/// The kernel that computes lanes.
pub(super) fn step(program: &Program, variant: &Variant) -> String {
    let sorted = Sorted::new(program, variant);
    let mut parameters = vec!["n".to_string(), "rows".to_string()];
    parameters.extend((0..program.readers().len()).map(|k| format!("in{k}")));
    parameters.extend((0..program.outs().len()).map(|k| format!("out{k}")));
    let mut declarations = sorted.registers();
    let mut body = Lines::default();
    if program.sums().is_empty() {
        lanes(&sorted, variant, &mut body);
    } else {
        parameters.push("scratch".into());
        declarations += &sums::declarations(&sorted);
        sums::chunks(&sorted, variant, &mut body);
    }
    kernel(STEP, &parameters, &declarations, &body)
}

/// Puts the number of lanes of a row, and that of this thread in its block, into registers.
pub(super) fn begin(lines: &mut Lines) {
    lines.add("ld.param.u64 %n, [n]");
    lines.add("mov.u32 %x, %tid.x");
    lines.add("cvt.u64.u32 %thread, %x");
}

/// Goes back to a label while a number is less than another one.
pub(super) fn repeat(label: &str, number: &str, limit: &str, lines: &mut Lines) {
    lines.add(format!("setp.lt.u64 %q, {number}, {limit}"));
    lines.add(format!("@%q bra {label}"));
}

/// Goes to a label unless a number is less than another one.
pub(super) fn leave(label: &str, number: &str, limit: &str, lines: &mut Lines) {
    lines.add(format!("setp.ge.u64 %q, {number}, {limit}"));
    lines.add(format!("@%q bra {label}"));
}

/// Each thread takes a lane, then the next one that no other thread takes, in all rows.
fn lanes(sorted: &Sorted<'_>, variant: &Variant, lines: &mut Lines) {
    begin(lines);
    if variant.has_rows() {
        lines.add("ld.param.u64 %rows, [rows]");
        lines.add("mov.u32 %x, %ctaid.y");
        lines.add("cvt.u64.u32 %row, %x");
        leave("rows_end", "%row", "%rows", lines);
        lines.label("rows_loop");
    }
    lines.append(&sorted.write(Section::Once));
    lines.add("mov.u32 %x, %ctaid.x");
    lines.add("mov.u32 %y, %ntid.x");
    lines.add("mul.wide.u32 %i, %x, %y");
    lines.add("add.u64 %i, %i, %thread");
    lines.add("mov.u32 %x, %nctaid.x");
    lines.add("mul.wide.u32 %stride, %x, %y");
    leave("lanes_end", "%i", "%n", lines);
    lines.label("lanes_loop");
    lane(sorted, variant, lines);
    lines.add("add.u64 %i, %i, %stride");
    repeat("lanes_loop", "%i", "%n", lines);
    lines.label("lanes_end");
    if variant.has_rows() {
        lines.add("mov.u32 %x, %nctaid.y");
        lines.add("cvt.u64.u32 %stride, %x");
        lines.add("add.u64 %row, %row, %stride");
        repeat("rows_loop", "%row", "%rows", lines);
        lines.label("rows_end");
    }
    lines.add("ret");
}

/// What lane `%i` of row `%row` computes.
pub(super) fn lane(sorted: &Sorted<'_>, variant: &Variant, lines: &mut Lines) {
    let shift = sorted.width.shift;
    if variant.has_rows() {
        lines.add("mul.lo.u64 %lane, %row, %n");
        lines.add("add.u64 %lane, %lane, %i");
        lines.add(format!("shl.b64 %neuron, %i, {shift}"));
    } else {
        lines.add("mov.u64 %lane, %i");
    }
    lines.add(format!("shl.b64 %full, %lane, {shift}"));
    lines.append(&sorted.write(Section::Each));
    sorted.store(lines);
}
