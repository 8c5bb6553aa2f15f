//! What instructions do to one lane.

use std::hint::black_box;

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

/// One lane of an instruction on vectors. `first` is the lowest word of the second operand.
pub(super) fn compute(
    name: &str,
    wide: bool,
    [a, b, c]: [u64; 3],
    immediate: u32,
    chosen: bool,
    first: u64,
) -> u64 {
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
            1 => floats!(wide, [b, 0, 0], |b, _, _| (b * black_box(1.0)).floor()),
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
        "pcmpeqd" => {
            if b == c {
                all
            } else {
                0
            }
        }
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
