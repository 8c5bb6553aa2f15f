//! Programs from their text.

use std::fmt;

use super::ir::Program;
use super::op::{Immediate, Op};

/// Why a text is no program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The line, from 1 on.
    pub line: usize,
    /// Its text.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the program, '{}': {}", self.line, self.text, self.reason)
    }
}

impl std::error::Error for ParseError {}

/// Reads and checks a program.
///
/// # Errors
/// The first line that is wrong.
pub fn parse(text: &str) -> Result<Program, ParseError> {
    let mut program = None;
    let mut last = (1, "");
    for (k, line) in text.lines().enumerate() {
        let code = line.split_once("# ").map_or(line, |(code, _)| code).trim();
        if code.is_empty() {
            continue;
        }
        last = (k + 1, code);
        let words: Vec<&str> = code.split_whitespace().collect();
        let read = match &mut program {
            None => header(&words).map(|new| program = Some(new)),
            Some(program) => statement(program, &words),
        };
        read.map_err(|reason| ParseError { line: k + 1, text: code.into(), reason })?;
    }
    let at_end = |reason| ParseError { line: last.0, text: last.1.into(), reason };
    let program = program.ok_or_else(|| at_end("the text is empty".into()))?;
    program.check_complete().map_err(at_end)?;
    Ok(program)
}

/// `program f32 inputs 3`
fn header(words: &[&str]) -> Result<Program, String> {
    match words {
        ["program", float @ ("f32" | "f64"), "inputs", inputs] => {
            Ok(Program::new(*float == "f64", number(inputs)?))
        }
        _ => Err("expected 'program f32 inputs N' or 'program f64 inputs N'".into()),
    }
}

fn statement(program: &mut Program, words: &[&str]) -> Result<(), String> {
    match words {
        ["out", value] => program.out(number(value)?, None),
        ["out", value, "alias", operand] => program.out(number(value)?, Some(number(operand)?)),
        ["sum", value] => program.sum(number(value)?),
        [id, "=", name, rest @ ..] => {
            let expected = program.values().len();
            if number(id)? != expected {
                return Err(format!("the value is number {expected} of the program, not {id}"));
            }
            if !program.outs().is_empty() || !program.sums().is_empty() {
                return Err("values come before results".into());
            }
            let op = Op::named(name).ok_or_else(|| format!("there is no operation '{name}'"))?;
            let (args, immediate) = arguments(op, rest)?;
            program.push(op, &args, immediate).map(|_| ())
        }
        _ => Err("expected 'N = operation arguments', 'out N', 'out N alias K' or 'sum N'".into()),
    }
}

/// The arguments of an operation and its immediate operand.
fn arguments(op: Op, words: &[&str]) -> Result<(Vec<usize>, u64), String> {
    let name = op.signature().name;
    let with_immediate = |what: &str| {
        let (last, args) = words.split_last().ok_or_else(|| format!("{name} needs {what}"))?;
        Ok::<_, String>((*last, args))
    };
    let (args, immediate) = match op.signature().immediate {
        Immediate::None => (words, 0),
        Immediate::Input => {
            let (last, args) = with_immediate("the number of an input")?;
            (args, number(last)? as u64)
        }
        Immediate::Bits => {
            let (last, args) = with_immediate("its bits")?;
            let bits = u64::from_str_radix(last, 16);
            (args, bits.map_err(|_| format!("'{last}' is no hexadecimal number of up to 64 bits"))?)
        }
        Immediate::Shift | Immediate::Number => {
            let (last, args) = with_immediate("a number, as '#5'")?;
            let count = last.strip_prefix('#').ok_or_else(|| format!("'{last}' is no number, as '#5'"))?;
            (args, number(count)? as u64)
        }
    };
    Ok((args.iter().map(|arg| number(arg)).collect::<Result<_, _>>()?, immediate))
}

fn number(word: &str) -> Result<usize, String> {
    // Less than 2^32, so that sums of such numbers never overflow.
    word.parse::<u32>().map(|x| x as usize).map_err(|_| format!("'{word}' is no number from 0 on"))
}
