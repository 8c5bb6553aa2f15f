//! Programs as text: what is read, what is printed, what is refused.

use crate::program::{Type, parse};

const EXAMPLE: &str = "\
program f32 inputs 4
0 = uin 0
1 = in 1
2 = const 3f800000
3 = mul 0 1
4 = fma 3 1 2
5 = gt 4 2
6 = sel 5 4 1
7 = win 2
8 = win 3
9 = draw 7 8 8 #3
10 = add 6 9
out 10 alias 1
sum 4
";

#[test]
fn a_program_is_printed_as_it_was_read() {
    let program = parse(EXAMPLE).expect("valid");
    assert_eq!(program.to_string(), EXAMPLE);
    assert_eq!(program.values()[6].ty, Type::Float);
    assert_eq!(program.counts()[0], ("win", 2));
    assert_eq!(program.readers(), [Some(0), Some(1), Some(7), Some(8)]);
}

#[test]
fn comments_and_spaces_do_not_change_the_hash() {
    let other = EXAMPLE.replace("3 = mul 0 1", "\n  3 =  mul 0   1  # the charge");
    let (a, b) = (parse(EXAMPLE).expect("valid"), parse(&other).expect("valid"));
    assert_eq!(a.hash(), b.hash());
    assert_eq!(a.hash(), 0x1b17_a5c6_3128_aa7d, "the hash is the same in every process");
    let other = parse(&EXAMPLE.replace("3f800000", "3f800001")).expect("valid");
    assert_ne!(a.hash(), other.hash());
}

#[test]
fn errors_say_the_line_and_the_reason() {
    let message = |text: &str| parse(text).expect_err("no program").to_string();
    let with = |lines: &str| message(&format!("program f32 inputs 2\n0 = in 0\n1 = gt 0 0\n{lines}"));
    assert_eq!(message(""), "line 1 of the program, '': the text is empty");
    let header = "expected 'program f32 inputs N' or 'program f64 inputs N'";
    assert_eq!(
        message("program f16 inputs 2"),
        format!("line 1 of the program, 'program f16 inputs 2': {header}")
    );
    for (lines, expected) in [
        ("3 = abs 0", "line 4 of the program, '3 = abs 0': the value is number 2 of the program, not 3"),
        ("2 = sinh 0", "line 4 of the program, '2 = sinh 0': there is no operation 'sinh'"),
        (
            "2 = abs 2",
            "line 4 of the program, '2 = abs 2': abs takes value 2, which is not defined before it",
        ),
        ("2 = add 0", "line 4 of the program, '2 = add 0': add has 1 arguments, expected 2"),
        (
            "2 = add 0 1",
            "line 4 of the program, '2 = add 0 1': add takes value 1, a predicate, expected a float",
        ),
        (
            "2 = sel 1 0 1",
            "line 4 of the program, '2 = sel 1 0 1': sel takes value 1, a predicate, expected a float",
        ),
        (
            "2 = sel 1 1 1",
            "line 4 of the program, '2 = sel 1 1 1': sel chooses between predicates: write band, bor, bnot",
        ),
        ("2 = in 2", "line 4 of the program, '2 = in 2': in 2, but there are 2 inputs"),
        ("2 = uin 0", "line 4 of the program, '2 = uin 0': input 0 is read by value 0 already: use that"),
        ("2 = in", "line 4 of the program, '2 = in': in needs the number of an input"),
        (
            "2 = const 123456789",
            "line 4 of the program, '2 = const 123456789': the constant 123456789 has more than 32 bits",
        ),
        (
            "2 = const 1.5",
            "line 4 of the program, '2 = const 1.5': '1.5' is no hexadecimal number of up to 64 bits",
        ),
        (
            "2 = bits 0\n3 = shl 2 #32",
            "line 5 of the program, '3 = shl 2 #32': shl by 32, expected less than 32",
        ),
        ("2 = bits 0\n3 = shl 2 5", "line 5 of the program, '3 = shl 2 5': '5' is no number, as '#5'"),
        ("2 = abs -1", "line 4 of the program, '2 = abs -1': '-1' is no number from 0 on"),
        ("sum 1", "line 4 of the program, 'sum 1': value 1 is a predicate, expected a float"),
        ("out 2", "line 4 of the program, 'out 2': there is no value 2"),
        ("out 0 alias 2", "line 4 of the program, 'out 0 alias 2': alias 2, but there are 2 inputs"),
        (
            "out 0 alias 1\nout 0 alias 1",
            "line 5 of the program, 'out 0 alias 1': a second result has the alias 1",
        ),
        ("out 0\n2 = abs 0", "line 5 of the program, '2 = abs 0': values come before results"),
        ("two = abs 0", "line 4 of the program, 'two = abs 0': 'two' is no number from 0 on"),
        (
            "return 0",
            "line 4 of the program, 'return 0': expected 'N = operation arguments', 'out N', 'out N alias K' or \
             'sum N'",
        ),
        ("2 = abs 0", "line 4 of the program, '2 = abs 0': the program has no result"),
    ] {
        assert_eq!(with(lines), expected);
    }
}

#[test]
fn guarded_regions_are_closed() {
    let start = "program f32 inputs 2\n0 = in 0\n1 = gt 0 0\n2 = ge 0 0\n";
    let message = |lines: &str| parse(&format!("{start}{lines}")).expect_err("no program").reason;
    let region = "3 = guard 1 0\n4 = sqrt 3\n";
    assert_eq!(message(region), "guard 3 has no endguard");
    assert_eq!(message(&format!("{region}5 = guard 1 0\n")), "a guard within a guarded region");
    let different = "guards next to each other have different conditions";
    assert_eq!(message("3 = guard 1 0\n4 = guard 2 0\n"), different);
    let another = "an endguard with another condition than its guard";
    assert_eq!(message(&format!("{region}5 = endguard 3 2 4\n")), another);
    assert_eq!(message(&format!("{region}5 = endguard 0 1 4\n")), "value 0 is no guard that is open");
    let outside = "value 4 is defined in a guarded region only";
    let closed = format!("{region}5 = endguard 3 1 4\n");
    assert_eq!(message(&format!("{closed}6 = abs 4\n")), outside);
    assert_eq!(message(&format!("{closed}out 4\n")), outside);
    let two = "3 = guard 1 0\n4 = guard 1 0\n5 = sqrt 3\n6 = endguard 3 1 5\n";
    assert_eq!(message(&format!("{two}7 = abs 0\n")), "guard 4 has no endguard next to the others");
    assert!(parse(&format!("{start}{two}7 = endguard 4 1 5\n8 = add 6 7\nout 8\n")).is_ok());
}
