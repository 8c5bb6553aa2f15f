//! Random numbers: each thread computes the block of its lane, and takes one of the four words.

use super::instruction::{Lines, Width};
use crate::random::{MULTIPLY, PURPOSE, ROUNDS, WEYL};

/// Registers for a block, products and keys.
pub(super) const REGISTERS: &str = "    .reg .b32 %d<8>, %k<2>;\n";

/// Puts the number of lane `%lane` with this key into a register; `first` is the place of the first lane.
pub(super) fn write(width: Width, to: &str, [k, l, first]: [String; 3], number: u64, lines: &mut Lines) {
    lines.add("cvt.u32.u64 %u, %lane");
    lines.add(format!("add.u32 %u, %u, {first}"));
    begin(number, lines);
    lines.add(format!("mov.b32 %k0, {k}"));
    lines.add(format!("mov.b32 %k1, {l}"));
    // The registers of the words, and of products: they change places from round to round.
    let (mut block, mut free) = ([0, 1, 2, 3], [4, 5, 6, 7]);
    for _ in 0..ROUNDS {
        round(&mut block, &mut free, lines);
    }
    choose(block, lines);
    let Width { double, float, ftz, .. } = width;
    if !double {
        lines.add("shr.u32 %u, %u, 8");
    }
    let unit = width.number(if double { 1.0 / 4_294_967_296.0 } else { 1.0 / 16_777_216.0 });
    lines.add(format!("cvt.rn.{float}.u32 {to}, %u"));
    lines.add(format!("mul.rn{ftz}.{float} {to}, {to}, {unit}"));
}

/// Puts the counter of the block of element `%u` into the first four words.
fn begin(number: u64, lines: &mut Lines) {
    lines.add("shr.u32 %d0, %u, 7");
    lines.add("shl.b32 %d0, %d0, 5");
    lines.add("and.b32 %d1, %u, 31");
    lines.add("or.b32 %d0, %d0, %d1");
    lines.add(format!("mov.b32 %d1, 0x{PURPOSE:08X}"));
    lines.add(format!("mov.b32 %d2, 0x{number:08X}"));
    lines.add("mov.b32 %d3, 0x00000000");
}

fn round(block: &mut [usize; 4], free: &mut [usize; 4], lines: &mut Lines) {
    let ([a, b, c, d], [xh, xl, yh, yl]) = (*block, *free);
    for (factor, word, high, low) in [(MULTIPLY[0], a, xh, xl), (MULTIPLY[1], c, yh, yl)] {
        lines.add(format!("mul.hi.u32 %d{high}, %d{word}, 0x{factor:08X}"));
        lines.add(format!("mul.lo.u32 %d{low}, %d{word}, 0x{factor:08X}"));
    }
    for (k, high, other) in [(0, yh, b), (1, xh, d)] {
        lines.add(format!("xor.b32 %d{high}, %d{high}, %d{other}"));
        lines.add(format!("xor.b32 %d{high}, %d{high}, %k{k}"));
        lines.add(format!("add.u32 %k{k}, %k{k}, 0x{:08X}", WEYL[k]));
    }
    (*block, *free) = ([yh, yl, xh, xl], [a, b, c, d]);
}

/// Replaces the number of the element by its word: bits 5 and 6 say which one it is.
fn choose([a, b, c, d]: [usize; 4], lines: &mut Lines) {
    let mut bit = |shift: u32, choices: &[(String, String, String)]| {
        lines.add(format!("shr.u32 %k0, %u, {shift}"));
        lines.add("and.b32 %k0, %k0, 1");
        lines.add("setp.eq.u32 %q, %k0, 0");
        for (to, zero, one) in choices {
            lines.add(format!("selp.b32 {to}, {zero}, {one}, %q"));
        }
    };
    let name = |k: usize| format!("%d{k}");
    bit(5, &[(name(a), name(a), name(b)), (name(c), name(c), name(d))]);
    bit(6, &[("%u".into(), name(a), name(c))]);
}
