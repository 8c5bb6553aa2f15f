//! Propagation against sums over dense matrices.

mod case;
mod rings;
mod sharing;

use case::{case, near};
use proptest::prelude::*;
use spikeloop_kernels::Error;
use spikeloop_kernels::event::{Dims, Indices, Indptr, Ring, Rows, Spikes, outer, scatter};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scatter_is_the_dense_product(case in case()) {
        let mut expected = case.ct.clone();
        for (b, i, _, target, weight) in case.synapses() {
            expected[b * case.dims.n_post + target] += weight * case.spike(b, i);
        }
        let result = case.scatter(&case.rows(), Spikes::Float(&case.spikes));
        prop_assert!(near(&result, &expected));
    }

    #[test]
    fn forms_of_storage_agree(mut case in case()) {
        case.spikes.iter_mut().for_each(|s| *s = f64::from(u8::from(*s != 0.0)));
        let bytes: Vec<u8> = case.spikes.iter().map(|&s| u8::from(s != 0.0)).collect();
        let narrow: Vec<u16> = case.indices.iter().map(|&i| i as u16).collect();
        let short: Vec<i32> = case.indptr.iter().map(|&i| i as i32).collect();
        let rows = Rows::new(Indices::U16(&narrow), Indptr::I32(&short), case.n_pre).expect("whole rows");
        let expected = case.scatter(&case.rows(), Spikes::Float(&case.spikes));
        prop_assert_eq!(case.scatter(&rows, Spikes::Bool(&bytes)), expected);
    }

    #[test]
    fn gather_is_the_transpose(case in case()) {
        let mut expected = vec![0.0; case.dims.batch * case.n_pre];
        for (b, i, _, target, weight) in case.synapses() {
            expected[b * case.n_pre + i] += weight * case.ct[b * case.dims.n_post + target];
        }
        prop_assert!(near(&case.gather(), &expected));
    }

    #[test]
    fn outer_is_the_weights_derivative(case in case()) {
        let mut expected = vec![0.0; case.weight.len()];
        for (b, i, j, target, _) in case.synapses() {
            let j = if case.weight.len() == 1 { 0 } else { j };
            expected[j] += case.spike(b, i) * case.ct[b * case.dims.n_post + target];
        }
        prop_assert!(near(&case.outer(), &expected));
    }
}

#[test]
fn nan_is_a_spike() {
    let rows = Rows::new(Indices::U32(&[0, 1]), Indptr::Fixed, 2).expect("whole rows");
    let dims = Dims { batch: 1, n_total: 2, offset: 0, n_post: 2 };
    let mut target = [0.0; 2];
    scatter(dims, Spikes::Float(&[f64::NAN, -0.0]), &[1.0], &rows, &Ring::NONE, &mut target)
        .expect("fitting buffers");
    assert!(target[0].is_nan() && target[1] == 0.0);
}

#[test]
fn malformed_rows_are_refused() {
    let dims = Dims { batch: 1, n_total: 2, offset: 0, n_post: 3 };
    let spikes = Spikes::Float(&[1.0f32, 1.0]);
    let mut target = [0.0; 3];
    let mut run = |indices: &[u32], indptr: &[i64]| {
        let rows = Rows::new(Indices::U32(indices), Indptr::I64(indptr), 2)?;
        scatter(dims, spikes, &[1.0], &rows, &Ring::NONE, &mut target)
    };
    assert_eq!(
        run(&[0, 12], &[]).map_err(|e| e.to_string()),
        Err("'indices' holds 12 at place 1, which is out of range for 3 targets".into())
    );
    let misfit = |row, ends| Err(Error::Row { name: "indptr", row, ends, size: 2 });
    assert_eq!(run(&[0, 1], &[0, 3, 2]), misfit(0, [0, 3]));
    assert_eq!(run(&[0, 1], &[0, -1, 2]), misfit(0, [0, -1]));
    assert_eq!(run(&[0, 1], &[0, 2, 1]), misfit(1, [2, 1]));
    assert_eq!(run(&[0, 1], &[1, 2, 2]), misfit(0, [1, 2]));
    assert_eq!(run(&[0, 1], &[0, 1, 1]), Ok(()), "room behind the last row");
    assert!(matches!(run(&[0, 1, 2], &[]), Err(Error::Length { name: "indices", .. })));
    assert!(matches!(run(&[0, 1], &[0, 2]), Err(Error::Length { name: "indptr", .. })));
    // Rows that share synapses: the derivative by these would have two values.
    let rows = Rows::new(Indices::U32(&[0, 1]), Indptr::I64(&[0, 2, 1, 2]), 3).expect("right lengths");
    let dims = Dims { n_total: 3, ..dims };
    let spikes = Spikes::Float(&[1.0f32, 0.0, 1.0]);
    let error = outer(dims, spikes, &[1.0; 3], &rows, &Ring::NONE, &mut [0.0; 2]);
    assert_eq!(error, misfit(1, [2, 1]));
}
