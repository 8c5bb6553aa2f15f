//! Work shared by threads: the same bits for any number of them.

use spikeloop_kernels::event::{Indices, Indptr, Ring, Rows, Spikes, scatter};
use spikeloop_kernels::{Error, threads};

use crate::case::{Case, Timed};

/// Numbers of threads: those of several tests at a time, since they are the process's.
static THREADS: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Runs `body` with 1 to 4 threads; all results must have the same bits.
fn same_for_all_threads(body: impl Fn() -> Vec<f64>) -> bool {
    let _guard = THREADS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let results = [1, 2, 3, 4].map(|n| {
        threads::set(n);
        body()
    });
    threads::set(1);
    results.iter().all(|r| r.iter().zip(&results[0]).all(|(a, b)| a.to_bits() == b.to_bits()))
}

#[test]
fn threads_share_one_batch_row_and_change_no_bit() {
    for (k, batch, n_post) in [(120, 1, 1000), (600, 1, 5000), (80, 3, 70), (40, 9, 900), (300, 2, 3)] {
        for same in [false, true] {
            let mut case = Case::new(5, batch, 3000, n_post, k, same, same);
            let timed = Timed::of(&mut case, 30, 1);
            let narrow: Vec<u16> = case.indices.iter().map(|&i| i as u16).collect();
            let indptr = Indptr::I64(&case.indptr);
            for indices in [Indices::U16(&narrow), Indices::U32(&case.indices)] {
                let rows = Rows::new(indices, indptr, case.n_pre).expect("whole rows").sorted(true);
                let spikes = Spikes::Float(&case.spikes);
                assert!(same_for_all_threads(|| {
                    let mut ring = timed.ring.clone();
                    scatter(case.dims, spikes, &case.weight, &rows, &timed.ring(), &mut ring)
                        .expect("it fits");
                    ring
                }));
                let mut plain = case.clone();
                for row in 0..case.n_pre {
                    let start = |i: usize| case.indptr.get(i).map_or(i * k, |&p| p as usize);
                    plain.indices[start(row)..start(row + 1)].sort_unstable();
                }
                let narrow: Vec<u16> = plain.indices.iter().map(|&i| i as u16).collect();
                let indices = match indices {
                    Indices::U16(_) => Indices::U16(&narrow),
                    Indices::U32(_) => Indices::U32(&plain.indices),
                };
                let rows = Rows::new(indices, indptr, case.n_pre).expect("whole rows").sorted(true);
                assert!(same_for_all_threads(|| plain.scatter(&rows, spikes)));
            }
        }
    }
}

#[test]
fn threads_find_out_that_rows_are_not_sorted() {
    let case = Case::new(3, 1, 6000, 500, 60, true, true); // enough for several threads
    let rows = case.rows().sorted(true);
    let _guard = THREADS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    threads::set(2);
    let mut target = case.ct.clone();
    let spikes = Spikes::Float(&case.spikes);
    let error = scatter(case.dims, spikes, &case.weight, &rows, &Ring::NONE, &mut target);
    threads::set(1);
    assert_eq!(error, Err(Error::Order));
}

#[test]
fn threads_do_not_matter() {
    for same in [false, true] {
        let case = Case::new(3, 4, 20_000, 500, 6, false, same);
        assert!(same_for_all_threads(|| {
            let spikes = Spikes::Float(&case.spikes);
            [case.scatter(&case.rows(), spikes), case.gather(), case.outer()].concat()
        }));
    }
}
