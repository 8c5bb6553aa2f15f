//! Work shared by threads: the same bits for any number of them.

use spikeloop_kernels::event::{Indices, Indptr, Ring, Rows, Spikes, scatter};
use spikeloop_kernels::{Error, threads};

use crate::case::{Case, Timed};

/// Numbers of threads: those of several tests at a time, since they are the process's.
static THREADS: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// What `body` returns with 1 to 4 threads.
fn with_threads<R>(body: impl Fn() -> R) -> [R; 4] {
    let _guard = THREADS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let results = [1, 2, 3, 4].map(|n| {
        threads::set(n).expect("few threads");
        body()
    });
    threads::set(1).expect("few threads");
    results
}

/// Runs `body` with 1 to 4 threads; all results must have the same bits.
fn same_for_all_threads(body: impl Fn() -> Vec<f64>) -> bool {
    let results = with_threads(body);
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
    threads::set(2).expect("few threads");
    let mut target = case.ct.clone();
    let spikes = Spikes::Float(&case.spikes);
    let error = scatter(case.dims, spikes, &case.weight, &rows, &Ring::NONE, &mut target);
    threads::set(1).expect("few threads");
    assert_eq!(error, Err(Error::Order));
}

/// Rows of 60 synapses, which are counted through, and of 600, which are searched.
#[test]
fn what_is_out_of_range_has_the_same_answer_for_all_threads() {
    for k in [60, 600] {
        let mut case = Case::new(3, 1, 6000, 5000, k, true, true);
        case.spikes.fill(1.0);
        let mut timed = Timed::of(&mut case, 30, 1);
        let target = |row: usize| (row + 1) * k - 1; // the last place of a row
        for (name, row) in [("indices", 17), ("delay", 17), ("indices", 5999), ("delay", 5999)] {
            let (mut wrong, mut late) = (case.clone(), timed.delays.clone());
            if name == "indices" {
                wrong.indices[target(row)] = 5005;
            } else {
                timed.delays[target(row)] = 37;
            }
            let rows = wrong.rows().sorted(true);
            let errors = with_threads(|| {
                let mut ring = timed.ring.clone();
                scatter(wrong.dims, Spikes::Float(&wrong.spikes), &[1.0], &rows, &timed.ring(), &mut ring)
            });
            let (given, below, of) =
                if name == "indices" { (5005, 5000, "targets") } else { (37, 30, "slots") };
            let wanted = Err(Error::Range { name, place: target(row), given, below, of });
            assert!(errors.iter().all(|error| *error == wanted), "{errors:?}");
            std::mem::swap(&mut timed.delays, &mut late);
        }
    }
}

#[test]
fn targets_out_of_range_are_not_dropped() {
    for k in [60, 600] {
        let mut case = Case::new(3, 1, 6000, 500, k, true, true);
        case.spikes.fill(1.0);
        case.indices.chunks_mut(k).for_each(<[u32]>::sort_unstable);
        case.indices[2 * k - 1] = 507;
        let rows = case.rows().sorted(true);
        let errors = with_threads(|| {
            let mut target = case.ct.clone();
            scatter(case.dims, Spikes::Float(&case.spikes), &[1.0], &rows, &Ring::NONE, &mut target)
        });
        let (place, of) = (2 * k - 1, "targets");
        let wanted = Err(Error::Range { name: "indices", place, given: 507, below: 500, of });
        assert!(errors.iter().all(|error| *error == wanted), "{errors:?}");
    }
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
