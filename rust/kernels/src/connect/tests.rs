use super::*;
use crate::threads;
use proptest::prelude::*;

fn spec(rule: Rule<'_>, seed: u64, n_pre: usize, n_post: usize) -> Spec<'_> {
    Spec {
        rule,
        own: Own::None,
        seed,
        n_pre,
        n_post,
        targets: 0..n_post as u32,
        weight: None,
        delay: None,
        wide: false,
    }
}

fn number(num: usize, multapses: bool) -> Number {
    Number { num, multapses }
}

/// The targets of each source.
fn rows(spec: &Spec) -> Vec<Vec<u32>> {
    let synapses = build(spec).expect("fits");
    let mut all = Vec::new();
    // SAFETY: the rows are built.
    unsafe { synapses.indices.read(0..synapses.indices.len(), &mut all).expect("memory") };
    let Column::I32(indptr) = &synapses.indptr else { unreachable!("small") };
    // SAFETY: the rows are built.
    let starts: Vec<_> =
        unsafe { indptr.get(0..synapses.indptr.len()) }.iter().map(|&x| x as usize).collect();
    match (spec.n_pre, &starts[..]) {
        (0, _) => Vec::new(),
        (n, []) if all.is_empty() => vec![Vec::new(); n],
        (n, []) => all.chunks(all.len() / n).map(<[u32]>::to_vec).collect(),
        (_, starts) => starts.windows(2).map(|w| all[w[0]..w[1]].to_vec()).collect(),
    }
}

fn draw(family: Family, a: f64, b: f64) -> Draw {
    Draw { family, a, b, part: [0.0, 1.0], bounds: [f64::NEG_INFINITY, f64::INFINITY] }
}

/// Every rule at a size that several threads share.
fn all_rules(positions: &[f64]) -> Vec<Rule<'_>> {
    let space = Space {
        source: positions,
        target: positions,
        axes: 2,
        period: [1.0, 0.0, 0.0],
        profile: Profile::Gaussian,
        scale: 0.1,
        cutoff: 0.3,
    };
    vec![
        Rule::OneToOne,
        Rule::AllToAll,
        Rule::FixedProb { prob: 0.3 },
        Rule::FixedInDegree(number(150, false)),
        Rule::FixedOutDegree(number(150, true)),
        Rule::FixedTotalNumber(number(120_000, true)),
        Rule::FixedTotalNumber(number(120_000, false)),
        Rule::DistanceDependent { prob: 0.9, space },
        Rule::SmallWorld { num: 150, prob: 0.2 },
    ]
}

fn bytes(column: &Column) -> &[u8] {
    let width = match column {
        Column::U8(_) => 1,
        Column::U16(_) => 2,
        Column::U32(_) | Column::I32(_) | Column::F32(_) => 4,
        Column::I64(_) | Column::F64(_) => 8,
    };
    if column.is_empty() {
        return &[];
    }
    // SAFETY: the column is filled.
    unsafe { std::slice::from_raw_parts(column.ptr(), column.len() * width) }
}

#[test]
fn threads_do_not_matter() {
    let n = 800;
    let positions: Vec<f64> = (0..2 * n).map(|k| f64::from(k).sin().abs()).collect();
    for rule in all_rules(&positions) {
        let spec = Spec {
            own: Own::SAME,
            weight: Some(draw(Family::Normal, 1.0, 0.1)),
            delay: Some(draw(Family::Normal, 15.0, 7.5)),
            ..spec(rule, 3, n as usize, n as usize)
        };
        let built = [1, 2, 3].map(|threads| {
            threads::set(threads).expect("few threads");
            build(&spec).expect("fits")
        });
        threads::set(0).expect("few threads");
        for other in &built[1..] {
            let pairs = [
                (&built[0].indices, &other.indices),
                (&built[0].indptr, &other.indptr),
                (built[0].weight.as_ref().expect("drawn"), other.weight.as_ref().expect("drawn")),
                (built[0].delay.as_ref().expect("drawn"), other.delay.as_ref().expect("drawn")),
            ];
            for (a, b) in pairs {
                assert!(bytes(a) == bytes(b), "{rule:?}");
            }
        }
        assert!(matches!(built[0].delay, Some(Column::U8(_))));
        assert_eq!(built[0].indices.ptr().align_offset(64), 0);
    }
}

proptest! {
    #[test]
    fn degrees_are_exact(
        seed: u64, n_pre in 1usize..20, n_post in 1usize..20, num in 0usize..20, multapses: bool,
        first in -20i64..20, step in -3i64..4, kind in 0usize..3,
    ) {
        let line = Own::Line { first, step };
        let each = |n: usize, size| (0..n).map(|i| line.of(i, size).unwrap_or(u32::MAX)).collect::<Vec<_>>();
        let (by_source, by_target) = (each(n_pre, n_post as u32), each(n_post, n_pre as u32));
        let own = |each| [Own::None, line, Own::Each(each)][kind];
        let given = number(num, multapses);
        let of = |rule| Spec { own: own(&by_source[..]), ..spec(rule, seed, n_pre, n_post) };
        if let Ok(synapses) = build(&of(Rule::FixedOutDegree(given))) {
            prop_assert_eq!(synapses.indices.len(), n_pre * num);
            for (i, row) in rows(&of(Rule::FixedOutDegree(given))).iter().enumerate() {
                check_row(row, own(&by_source[..]).of(i, n_post as u32), n_post, multapses);
            }
        }
        let of_targets = Spec { own: own(&by_target[..]), ..of(Rule::FixedInDegree(given)) };
        if build(&of_targets).is_ok() {
            let rows = rows(&of_targets);
            let mut degree = vec![0; n_post];
            for (i, row) in rows.iter().enumerate() {
                check_row(row, None, n_post, multapses);
                prop_assert!(row.iter().all(|&j| own(&by_target[..]).of(j as usize, n_pre as u32) != Some(i as u32)));
                for &j in row {
                    degree[j as usize] += 1;
                }
            }
            prop_assert!(degree.iter().all(|&k| k == num));
        }
        let total = number(num * n_post / 2, multapses);
        if build(&of(Rule::FixedTotalNumber(total))).is_ok() {
            let rows = rows(&of(Rule::FixedTotalNumber(total)));
            prop_assert_eq!(rows.iter().map(Vec::len).sum::<usize>(), total.num);
            for (i, row) in rows.iter().enumerate() {
                check_row(row, own(&by_source[..]).of(i, n_post as u32), n_post, multapses);
            }
        }
        for (i, row) in rows(&of(Rule::AllToAll)).iter().enumerate() {
            let own = own(&by_source[..]).of(i, n_post as u32);
            check_row(row, own, n_post, false);
            prop_assert_eq!(row.len(), n_post - usize::from(own.is_some()));
        }
    }

    #[test]
    fn near_cells_hold_all_in_reach(
        seed: u64, axes in 1usize..4, n in 1usize..60, cutoff in 0.01f64..2.0, periodic: bool,
    ) {
        let mut stream = crate::random::Stream::new(seed, 0, 0);
        let positions: Vec<f64> = (0..n * axes).map(|_| stream.unit()).collect();
        let space = |cutoff| Space {
            source: &positions, target: &positions, axes, period: [f64::from(u8::from(periodic)); 3],
            profile: Profile::Exponential, scale: 1.0, cutoff,
        };
        let within = |space| rows(&spec(Rule::DistanceDependent { prob: 1.0, space }, seed, n, n));
        let (near, all) = (within(space(cutoff)), within(space(f64::INFINITY)));
        for i in 0..n {
            let wanted: Vec<u32> = all[i].iter().copied().filter(|&j| {
                let square: f64 = (0..axes).map(|axis| {
                    let d = positions[j as usize * axes + axis] - positions[i * axes + axis];
                    let d = if periodic { d - (d + 0.5).floor() } else { d };
                    d * d
                }).sum();
                square <= cutoff * cutoff
            }).collect();
            prop_assert_eq!(&near[i], &wanted);
        }
    }
}

fn check_row(row: &[u32], own: Option<u32>, n_post: usize, multapses: bool) {
    assert!(row.iter().all(|&j| (j as usize) < n_post && Some(j) != own));
    assert!(row.is_sorted_by(|a, b| if multapses { a <= b } else { a < b }));
}

#[test]
fn a_small_world_keeps_its_degree_and_rewires_in_part() {
    let ring = rows(&spec(Rule::SmallWorld { num: 10, prob: 0.0 }, 1, 1000, 1000));
    let some = rows(&spec(Rule::SmallWorld { num: 10, prob: 0.3 }, 1, 1000, 1000));
    let mut kept = 0;
    for (i, (a, b)) in ring.iter().zip(&some).enumerate() {
        check_row(b, Some(i as u32), 1000, false);
        assert_eq!((a.len(), b.len()), (10, 10));
        kept += b.iter().filter(|j| a.contains(j)).count();
    }
    assert!((6_700..7_300).contains(&kept), "{kept}");
}

#[test]
fn rows_ascend_in_delay_then_target() {
    let spec = Spec {
        delay: Some(draw(Family::Uniform, 1.0, 300.0)),
        ..spec(Rule::FixedOutDegree(number(50, true)), 5, 40, 70_000)
    };
    let synapses = build(&spec).expect("fits");
    let (Some(Column::U16(delay)), Column::U32(target)) = (&synapses.delay, &synapses.indices) else {
        panic!("300 steps take 16 bits, 70,000 targets 32");
    };
    // SAFETY: the rows are built.
    let (delay, target) = unsafe { (delay.get(0..2000), target.get(0..2000)) };
    for k in (0..2000).step_by(50) {
        let row: Vec<_> = delay[k..k + 50].iter().zip(&target[k..k + 50]).collect();
        assert!(row.is_sorted());
    }
}

#[test]
fn edges_are_ordered_stably() {
    let edges =
        Edges { sources: &[1, 0, 1, 1, 1], targets: &[2, 5, 0, 2, 0], delay: &[1, 1, 9, 1, 1], n_pre: 3 };
    let (Column::I32(indptr), Column::I64(places)) = order(edges).expect("fits") else { panic!("few") };
    // SAFETY: both are filled.
    let (indptr, places) = unsafe { (indptr.get(0..4), places.get(0..5)) };
    assert_eq!((indptr, places), (&[0, 1, 5, 5][..], &[1, 4, 0, 3, 2][..]));
    assert!(order(Edges { n_pre: 1, ..edges }).is_err());
    assert!(order(Edges { targets: &[1], ..edges }).is_err());
    assert!(order(Edges { delay: &[1], ..edges }).is_err());
}

proptest! {
    #[test]
    fn edges_of_blocks_and_any_others_are_ordered(
        mut edges in prop::collection::vec((0..5u32, 0..700u16, 0..40u32), 0..300), blocks in 0..4usize,
    ) {
        // As blocks of targets, each in order, or as they are.
        for block in 0..blocks {
            let part = block * edges.len() / blocks..(block + 1) * edges.len() / blocks;
            edges[part.clone()].iter_mut().for_each(|edge| edge.2 += 40 * block as u32);
            edges[part].sort_unstable();
        }
        let (sources, targets): (Vec<_>, Vec<_>) = edges.iter().map(|&(source, _, target)| (source, target)).unzip();
        let delay: Vec<_> = edges.iter().map(|edge| edge.1).collect();
        for delay in [&delay[..], &[]] {
            let given = Edges { sources: &sources, targets: &targets, delay, n_pre: 5 };
            let (_, Column::I64(places)) = order(given).expect("fits") else { panic!("places") };
            // SAFETY: it is filled.
            let places = unsafe { places.get(0..edges.len()) };
            let mut wanted: Vec<_> = (0..edges.len() as i64).collect();
            wanted.sort_by_key(|&k| (sources[k as usize], delay.get(k as usize), targets[k as usize]));
            prop_assert_eq!(places, &wanted[..]);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |rule, n_pre, n_post| build(&spec(rule, 1, n_pre, n_post)).expect_err("does not fit");
    let few = Error::Targets { given: 11, available: 10 };
    assert_eq!(refused(Rule::FixedOutDegree(number(11, false)), 2, 10), few);
    assert_eq!(refused(Rule::FixedInDegree(number(11, false)), 10, 2), few);
    refused(Rule::FixedOutDegree(number(1, true)), 2, 0);
    refused(Rule::FixedTotalNumber(number(1, true)), 0, 5);
    refused(Rule::FixedTotalNumber(number(17, false)), 4, 4);
    refused(Rule::OneToOne, 2, 3);
    refused(Rule::FixedProb { prob: f64::NAN }, 2, 3);
    refused(Rule::SmallWorld { num: 3, prob: 0.1 }, 9, 9);
    refused(Rule::SmallWorld { num: 4, prob: 0.1 }, 4, 4);
    let huge = refused(Rule::FixedOutDegree(number(1 << 40, true)), 1 << 30, 10);
    assert!(matches!(huge, Error::Memory { .. }));
    let long = Spec {
        delay: Some(draw(Family::Uniform, 1e5, 1e6)),
        ..spec(Rule::FixedOutDegree(number(1, true)), 1, 2, 2)
    };
    assert!(matches!(build(&long).expect_err("too long"), Error::Rule(_)));
    let own = Spec { own: Own::SAME, ..spec(Rule::FixedTotalNumber(number(13, false)), 1, 4, 4) };
    assert_eq!(build(&own).expect_err("12 pairs"), Error::Targets { given: 13, available: 12 });
    let short = Spec { own: Own::Each(&[0]), ..spec(Rule::AllToAll, 1, 2, 2) };
    assert_eq!(build(&short).expect_err("2 sources"), Error::Length { name: "own", given: 1, expected: 2 });
}
