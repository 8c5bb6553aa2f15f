//! Sums over lanes, in the order of the CPU: a chunk's lanes are added to sixteen partial sums in turn, then halves
//! of these to each other, then the chunks one after the other.

use super::super::Program;
use super::super::element::GROUP;
use super::super::run::CHUNK;
use super::frame::{begin, kernel, lane, leave, repeat};
use super::instruction::{Lines, Width, temporaries};
use super::section::{Section, Sorted, address};
use super::{THREADS, TOTAL, Variant};

const WIDTH: usize = THREADS as usize;
/// Sums that have room in a block's shared memory, of which there are 48 KiB: a value of each thread for each.
const TOGETHER: usize = 32;
/// Sums whose partial sums are as many as there are threads.
const IN_ROUND: usize = WIDTH / GROUP;
/// Partial sums whose halves are added.
const HALVES: [usize; 4] = [8, 4, 2, 1];

/// The sums in parts that have room, and the number of the first partial-sum register of each.
fn parts(count: usize) -> impl Iterator<Item = (std::ops::Range<usize>, usize)> {
    let ends = move |start: usize| start..(start + TOGETHER).min(count);
    (0..count).step_by(TOGETHER).map(ends).map(|part| (part.clone(), part.start / IN_ROUND))
}

fn rounds(sums: usize) -> usize {
    sums.div_ceil(IN_ROUND)
}

/// Registers and shared memory of the kernel that computes lanes.
pub(super) fn declarations(sorted: &Sorted<'_>) -> String {
    let (Width { bits, size, .. }, count) = (sorted.width, sorted.program.sums().len());
    let tile = WIDTH * size * count.min(TOGETHER);
    format!(
        "    .reg .{bits} %value<{count}>, %partial<{}>, %group<{GROUP}>;\n    \
         .reg .b64 %chunks, %chunk, %tasks, %task, %first, %end, %mine, %column;\n    \
         .shared .align 8 .b8 tile[{tile}];\n",
        rounds(count)
    )
}

/// Puts the numbers of chunks, of a row and of all, into registers.
fn count_chunks(lines: &mut Lines) {
    lines.add("ld.param.u64 %rows, [rows]");
    lines.add(format!("add.u64 %chunks, %n, {}", CHUNK - 1));
    lines.add(format!("shr.u64 %chunks, %chunks, {}", CHUNK.ilog2()));
    lines.add("mul.lo.u64 %tasks, %chunks, %rows");
}

/// Puts the place of this thread in the shared memory into `%mine`.
fn find_place(width: Width, lines: &mut Lines) {
    lines.add("mov.u64 %mine, tile");
    lines.add(format!("shl.b64 %offset, %thread, {}", width.shift));
    lines.add("add.u64 %mine, %mine, %offset");
}

/// Each block takes a chunk, then the next one that no other block takes.
pub(super) fn chunks(sorted: &Sorted<'_>, variant: &Variant, lines: &mut Lines) {
    begin(lines);
    count_chunks(lines);
    places(sorted.width, lines);
    lines.add("mov.u32 %x, %ctaid.x");
    lines.add("cvt.u64.u32 %task, %x");
    leave("tasks_end", "%task", "%tasks", lines);
    lines.label("tasks_loop");
    if variant.has_rows() {
        lines.add("div.u64 %row, %task, %chunks");
        lines.add("rem.u64 %chunk, %task, %chunks");
    } else {
        lines.add("mov.u64 %chunk, %task");
    }
    lines.append(&sorted.write(Section::Once));
    lines.add(format!("shl.b64 %first, %chunk, {}", CHUNK.ilog2()));
    lines.add(format!("add.u64 %end, %first, {CHUNK}"));
    lines.add("min.u64 %end, %end, %n");
    let (width, count) = (sorted.width, sorted.program.sums().len());
    for k in 0..rounds(count) {
        lines.add(format!("mov.{} %partial{k}, {}", width.float, width.literal(0)));
    }
    lines.label("lanes_loop");
    values(sorted, variant, lines);
    parts(count).for_each(|(part, first)| add_to_partial_sums(width, part, first, lines));
    lines.add(format!("add.u64 %first, %first, {WIDTH}"));
    repeat("lanes_loop", "%first", "%end", lines);
    parts(count).for_each(|(part, first)| add_halves(width, part, first, lines));
    lines.add("mov.u32 %x, %nctaid.x");
    lines.add("cvt.u64.u32 %stride, %x");
    lines.add("add.u64 %task, %task, %stride");
    repeat("tasks_loop", "%task", "%tasks", lines);
    lines.label("tasks_end");
    lines.add("ret");
}

/// Where this thread stores its values, and where it finds those of its partial sum.
fn places(width: Width, lines: &mut Lines) {
    find_place(width, lines);
    lines.add(format!("shr.u64 %column, %thread, {}", GROUP.ilog2()));
    lines.add(format!("mul.lo.u64 %column, %column, {WIDTH}"));
    lines.add(format!("and.b64 %offset, %thread, {}", GROUP - 1));
    lines.add("add.u64 %column, %column, %offset");
    lines.add(format!("shl.b64 %column, %column, {}", width.shift));
    lines.add("mov.u64 %offset, tile");
    lines.add("add.u64 %column, %column, %offset");
}

/// What the lane of each thread adds to the sums: 0 beyond the last one.
fn values(sorted: &Sorted<'_>, variant: &Variant, lines: &mut Lines) {
    let width = sorted.width;
    for k in 0..sorted.program.sums().len() {
        lines.add(format!("mov.{} %value{k}, {}", width.float, width.literal(0)));
    }
    lines.add("add.u64 %i, %first, %thread");
    leave("lanes_end", "%i", "%n", lines);
    lane(sorted, variant, lines);
    for (k, &id) in sorted.program.sums().iter().enumerate() {
        lines.add(format!("mov.{} %value{k}, {}", width.float, sorted.name(id)));
    }
    lines.label("lanes_end");
}

/// Thread t has the partial sum t mod 16 of one sum in each round.
fn add_to_partial_sums(width: Width, part: std::ops::Range<usize>, first: usize, lines: &mut Lines) {
    let Width { float: kind, ftz, size, .. } = width;
    let (count, place) = (part.len(), |k: usize| k * WIDTH * size);
    for (k, sum) in part.enumerate() {
        lines.add(format!("st.shared.{kind} [%mine+{}], %value{sum}", place(k)));
    }
    lines.add("bar.sync 0");
    lines.add("mov.u32 %x, %tid.x");
    for round in 0..rounds(count) {
        let (partial, label) = (first + round, format!("partial_{}", first + round));
        let threads = (GROUP * (count - round * IN_ROUND)).min(WIDTH);
        lines.add(format!("setp.ge.u32 %q, %x, {threads}"));
        lines.add(format!("@%q bra {label}"));
        for k in 0..WIDTH / GROUP {
            lines.add(format!(
                "ld.shared.{kind} %t, [%column+{}]",
                place(round * IN_ROUND) + k * GROUP * size
            ));
            lines.add(format!("add.rn{ftz}.{kind} %partial{partial}, %partial{partial}, %t"));
        }
        lines.label(&label);
    }
    lines.add("bar.sync 0");
}

/// Thread t adds the halves of the partial sums of sum t, and stores the chunk's sum.
fn add_halves(width: Width, part: std::ops::Range<usize>, first: usize, lines: &mut Lines) {
    let Width { float: kind, ftz, size, shift, .. } = width;
    for round in 0..rounds(part.len()) {
        let place = round * WIDTH * size;
        lines.add(format!("st.shared.{kind} [%mine+{place}], %partial{}", first + round));
    }
    lines.add("bar.sync 0");
    let label = format!("halves_{first}");
    lines.add("mov.u32 %x, %tid.x");
    lines.add(format!("setp.ge.u32 %q, %x, {}", part.len()));
    lines.add(format!("@%q bra {label}"));
    lines.add(format!("shl.b64 %offset, %thread, {}", GROUP.ilog2() + shift));
    lines.add("mov.u64 %address, tile");
    lines.add("add.u64 %address, %address, %offset");
    for k in 0..GROUP {
        lines.add(format!("ld.shared.{kind} %group{k}, [%address+{}]", k * size));
    }
    for half in HALVES {
        for k in 0..half {
            lines.add(format!("add.rn{ftz}.{kind} %group{k}, %group{k}, %group{}", k + half));
        }
    }
    lines.add(format!("add.u64 %offset, %thread, {}", part.start));
    lines.add("mul.lo.u64 %offset, %offset, %tasks");
    lines.add("add.u64 %offset, %offset, %task");
    lines.add(format!("shl.b64 %offset, %offset, {shift}"));
    address("scratch", lines);
    lines.add("add.u64 %address, %address, %offset");
    lines.add(format!("st.global.{kind} [%address], %group0"));
    lines.label(&label);
    lines.add("bar.sync 0");
}

/// The kernel that adds up chunks: blocks (row, k) for the sum k.
pub(super) fn total(program: &Program, variant: &Variant) -> String {
    let (width, count) = (Width::of(program), program.sums().len());
    let mut parameters: Vec<String> = ["n", "rows", "scratch"].map(String::from).into();
    parameters.extend((0..count).map(|k| format!("sum{k}")));
    let declarations = format!(
        "    .reg .{} %sum;\n    .reg .b64 %chunks, %tasks, %mine, %to, %from, %count, %results, %at, %left;\n    \
         .shared .align 8 .b8 tile[{}];\n{}",
        width.bits,
        WIDTH * width.size,
        temporaries(width)
    );
    let mut lines = Lines::default();
    begin(&mut lines);
    count_chunks(&mut lines);
    find_place(width, &mut lines);
    choose(variant, &mut lines);
    lines.add("mov.u32 %x, %ctaid.x");
    lines.add("cvt.u64.u32 %row, %x");
    leave("results_end", "%row", "%results", &mut lines);
    lines.label("results_loop");
    add_chunks(width, &mut lines);
    lines.add("mov.u32 %x, %nctaid.x");
    lines.add("cvt.u64.u32 %stride, %x");
    lines.add("add.u64 %row, %row, %stride");
    repeat("results_loop", "%row", "%results", &mut lines);
    lines.label("results_end");
    lines.add("ret");
    kernel(TOTAL, &parameters, &declarations, &lines)
}

/// What belongs to this block's sum: where its results are, how many, and of how many chunks each.
fn choose(variant: &Variant, lines: &mut Lines) {
    lines.add("mov.u32 %y, %ctaid.y");
    for (k, &per_row) in variant.per_row.iter().enumerate() {
        let (results, count) = if per_row { ("%rows", "%chunks") } else { ("1", "%tasks") };
        lines.add(format!("setp.eq.u32 %q, %y, {k}"));
        lines.add(format!("@%q ld.param.u64 %to, [sum{k}]"));
        lines.add(format!("@%q mov.u64 %results, {results}"));
        lines.add(format!("@%q mov.u64 %count, {count}"));
    }
    lines.add("cvta.to.global.u64 %to, %to");
}

/// Adds the chunks of result `%row`: the block reads many at a time, its first thread adds them one after the other.
fn add_chunks(width: Width, lines: &mut Lines) {
    let Width { float: kind, size, shift, .. } = width;
    let sign = 1 << (8 * size - 1);
    lines.add("cvt.u64.u32 %from, %y");
    lines.add("mul.lo.u64 %from, %from, %tasks");
    lines.add("mul.lo.u64 %offset, %row, %count");
    lines.add("add.u64 %from, %from, %offset");
    lines.add("setp.eq.u64 %q, %count, 0");
    // −0 is what leaves every first summand as it is.
    lines.add(format!("selp.{kind} %sum, {}, {}, %q", width.literal(0), width.literal(sign)));
    lines.add("mov.u64 %at, 0");
    lines.label("tiles_loop");
    leave("tiles_end", "%at", "%count", lines);
    lines.add("add.u64 %i, %at, %thread");
    leave("read", "%i", "%count", lines);
    lines.add("add.u64 %i, %i, %from");
    lines.add(format!("shl.b64 %i, %i, {shift}"));
    address("scratch", lines);
    lines.add("add.u64 %address, %address, %i");
    lines.add(format!("ld.global.{kind} %t, [%address]"));
    lines.add(format!("st.shared.{kind} [%mine], %t"));
    lines.label("read");
    lines.add("bar.sync 0");
    lines.add("setp.ne.u64 %q, %thread, 0");
    lines.add("@%q bra added");
    add_tile(width, lines);
    lines.label("added");
    lines.add("bar.sync 0");
    lines.add(format!("add.u64 %at, %at, {WIDTH}"));
    lines.add("bra tiles_loop");
    lines.label("tiles_end");
    lines.add("setp.ne.u64 %q, %thread, 0");
    lines.add("@%q bra stored");
    lines.add(format!("shl.b64 %offset, %row, {shift}"));
    lines.add("add.u64 %address, %to, %offset");
    lines.add(format!("st.global.{kind} [%address], %sum"));
    lines.label("stored");
}

fn add_tile(width: Width, lines: &mut Lines) {
    let Width { float: kind, ftz, size, .. } = width;
    lines.add("sub.u64 %left, %count, %at");
    lines.add(format!("min.u64 %left, %left, {WIDTH}"));
    lines.add("mov.u64 %address, tile");
    lines.label("tile_loop");
    lines.add(format!("ld.shared.{kind} %t, [%address]"));
    lines.add(format!("add.rn{ftz}.{kind} %sum, %sum, %t"));
    lines.add(format!("add.u64 %address, %address, {size}"));
    lines.add("sub.u64 %left, %left, 1");
    lines.add("setp.ne.u64 %q, %left, 0");
    lines.add("@%q bra tile_loop");
}
